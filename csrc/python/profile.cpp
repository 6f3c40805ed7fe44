// The profiler's raw data for flambeau/profiler: what core/trace recorded, as bytes and names.
#include "ops/profile.h"

#include <nanobind/stl/string.h>

#include <unordered_map>

#include "python/caster.h"

namespace fb::py {
namespace {

// One record as Python unpacks it: "=5q4i4I".
struct Packed {
  int64_t begin, end, memory_before, memory_after, sequence;
  int32_t name, detail, stack, parent;
  uint32_t arguments_begin, arguments_end, kind, unused;
};
static_assert(sizeof(Packed) == 72);

// The frames of the calling thread, the innermost first: "file.py(12): function", one a line.
std::string python_stack() {
  AcquireGil gil;
  std::string text;
  PyFrameObject* frame = PyThreadState_GetFrame(PyThreadState_Get());
  while (frame) {
    Object code = Object::steal(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
    auto* c = reinterpret_cast<PyCodeObject*>(code.get());
    const char *file = PyUnicode_AsUTF8(c->co_filename), *name = PyUnicode_AsUTF8(c->co_name);
    if (!file || !name) PyErr_Clear();  // a name that no text can hold
    text += (text.empty() ? "" : "\n") + std::string(file ? file : "?") + '(' +
            std::to_string(PyFrame_GetLineNumber(frame)) + "): " + (name ? name : "?");
    PyFrameObject* outer = PyFrame_GetBack(frame);
    Py_DECREF(frame);
    frame = outer;
  }
  return text;
}

nb::bytes as_bytes(const void* data, size_t size) {
  return nb::bytes(static_cast<const char*>(data), size);
}

// (thread, packed records, names, arguments)
nb::tuple packed(const trace::Log& log) {
  std::unordered_map<const std::string*, int32_t> numbers;
  nb::list names;
  auto number = [&](const std::string* name) {
    if (!name) return -1;
    auto [at, added] = numbers.try_emplace(name, static_cast<int32_t>(numbers.size()));
    if (added) names.append(*name);
    return at->second;
  };
  std::vector<Packed> records;
  records.reserve(log.count);
  for (uint32_t i = 0; i < log.count; ++i) {
    const trace::Record& r = log.at(i);
    records.push_back({r.begin, r.end, r.memory_before, r.memory_after, r.sequence, number(r.name),
                       number(r.detail), number(r.stack), r.parent, r.arguments_begin,
                       r.arguments_end,
                       static_cast<uint32_t>(r.kind) | static_cast<uint32_t>(r.in_place) << 8, 0});
  }
  return nb::make_tuple(log.thread, as_bytes(records.data(), records.size() * sizeof(Packed)),
                        names, as_bytes(log.arguments.data(), log.arguments.size() * 8));
}

nb::list stop() {
  nb::list threads;
  for (auto& log : stop_profile()) threads.append(packed(*log));
  return threads;
}

}  // namespace

void init_profile(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  trace::call_stack = python_stack;
  nb::class_<trace::Mark>(m, "_TraceMark");
  m.def("_profile_start", [](bool shapes, bool memory, bool modules, bool stack) {
    const int64_t begun = trace::now_ns();
    start_profile((shapes ? trace::kShapes : 0u) | (memory ? trace::kMemory : 0u) |
                  (modules ? trace::kModules : 0u) | (stack ? trace::kStack : 0u));
    return begun;
  });
  m.def("_profile_stop", stop);
  m.def("_profile_on", trace::on);
  m.def("_profile_begin", [](const std::string& name) {
    return trace::on() ? trace::begin({trace::Kind::User, name}) : trace::Mark{};
  });
  m.def("_profile_end", [](const trace::Mark& mark) { trace::end(mark); });
}

}  // namespace fb::py
