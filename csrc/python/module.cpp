// The extension module: flambeau._C.
#include <nanobind/nanobind.h>

#include "python/py.h"

namespace nb = nanobind;

NB_MODULE(_C, m) {
  using namespace fb::py;
  nb::register_exception_translator([](const std::exception_ptr& e, void*) {
    try {
      std::rethrow_exception(e);
    } catch (const nb::python_error&) {
      throw;
    } catch (const fb::Error&) {
      set_python_error();
    } catch (const PythonError&) {
      set_python_error();
    }
  });
  PyObject* module = m.ptr();
  init_errors(module);
  init_types(module);
  init_tensor(module);
  init_ops(module);
  init_autograd(module);
  init_function(module);
  init_modes(module);
  init_profile(module);
  init_autocast(module);
  init_indexing(module);
  init_interop(module);
  init_random(module);
  init_module_base(module);
  init_system(module);
  init_interrupt();
}
