// Generators of random numbers.
#include "core/generator.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <unordered_map>

#include "python/caster.h"
#include "python/random.h"

namespace fb::py {
namespace {

struct PyGenerator {
  std::shared_ptr<Generator> generator;
};

// The Python objects alive, so that a generator on its way through a mode comes back as the same
// object.
std::unordered_map<Generator*, PyObject*>& objects() {
  static auto* map = new std::unordered_map<Generator*, PyObject*>;
  return *map;
}

Tensor state_of(const PyGenerator& self) {
  auto state = self.generator->get_state();
  Tensor t = empty(Dims{static_cast<int64_t>(state.size())}, DType::UInt8);
  std::copy(state.begin(), state.end(), t.data<uint8_t>());
  return t;
}

void set_state(PyGenerator& self, const Tensor& state) {
  FB_CHECK_TYPE(state.defined() && state.dtype() == DType::UInt8 && state.is_contiguous() &&
                    state.device().type == DeviceType::CPU,
                "RNG state must be a torch.ByteTensor: contiguous, uint8, on the CPU");
  self.generator->set_state(state.data<uint8_t>(), static_cast<size_t>(state.numel()));
}

// A Python object for a generator, known by its address.
nb::object known(std::shared_ptr<Generator> generator) {
  Generator* address = generator.get();
  nb::object object = nb::cast(PyGenerator{std::move(generator)});
  objects()[address] = object.ptr();
  return object;
}

// Seeds are 64 bits, signed or not, as in PyTorch.
uint64_t seed_from(nb::handle seed) {
  Object index = check(PyNumber_Index(seed.ptr()));
  uint64_t unsigned_seed = PyLong_AsUnsignedLongLong(index.get());
  if (!PyErr_Occurred()) return unsigned_seed;
  PyErr_Clear();
  int64_t signed_seed = PyLong_AsLongLong(index.get());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    raise(ErrorKind::Value,
          "Overflow when unpacking long long: a seed must be in the range [-2**63, 2**64)");
  }
  return static_cast<uint64_t>(signed_seed);
}

}  // namespace

Generator* as_generator(PyObject* o) {
  nb::handle h(o);
  return nb::isinstance<PyGenerator>(h) ? nb::cast<PyGenerator&>(h).generator.get() : nullptr;
}

PyObject* wrap_generator(Generator* generator) {
  auto found = objects().find(generator);
  return Py_NewRef(found == objects().end() ? Py_None : found->second);
}

void init_random(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  nb::class_<PyGenerator>(m, "Generator", nb::is_weak_referenceable())
      .def(
          "__init__",
          [](nb::pointer_and_handle<PyGenerator> self, nb::object device) {
            Device d;
            FB_CHECK_TYPE(as_device(device.ptr(), d),
                          "Generator(): device must be a device or a string");
            FB_CHECK(d.type == DeviceType::CPU,
                     "Generator(): only the device 'cpu' has generators, but got ", d);
            new (self.p) PyGenerator{std::make_shared<Generator>()};
            objects()[self.p->generator.get()] = self.h.ptr();
          },
          nb::arg("device") = "cpu")
      .def("__del__", [](PyGenerator& self) { objects().erase(self.generator.get()); })
      .def(
          "manual_seed",
          [](nb::object self, nb::handle seed) {
            nb::cast<PyGenerator&>(self).generator->manual_seed(seed_from(seed));
            return self;
          },
          nb::arg("seed"))
      .def("seed", [](PyGenerator& self) { return self.generator->seed(); })
      .def("initial_seed", [](PyGenerator& self) { return self.generator->initial_seed(); })
      .def("get_state", state_of)
      .def("set_state", set_state)
      .def("clone_state", [](PyGenerator& self) { return known(self.generator->clone()); })
      .def("__getstate__",
           [](PyGenerator& self) {
             auto state = self.generator->get_state();
             return nb::bytes(state.data(), state.size());
           })
      .def("__setstate__",
           [](nb::pointer_and_handle<PyGenerator> self, nb::bytes state) {
             auto generator = std::make_shared<Generator>();
             generator->set_state(static_cast<const uint8_t*>(state.data()), state.size());
             new (self.p) PyGenerator{std::move(generator)};
             objects()[self.p->generator.get()] = self.h.ptr();
           })
      .def_prop_ro("device", [](PyGenerator&) { return nb::steal(wrap(Device{})); });
  m.attr("default_generator") = known(shared_default_generator());
}

}  // namespace fb::py
