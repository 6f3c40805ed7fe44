// The switches of mixed precision on the CPU.
#include "ops/autocast.h"

#include "python/call.h"
#include "python/caster.h"

namespace fb::py {

void init_autocast(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def("_is_autocast_enabled", [] { return tls.autocast; });
  m.def("_set_autocast_enabled", [](bool enabled) { tls.autocast = enabled; });
  m.def("_get_autocast_dtype", [] { return autocast_state().dtype; });
  m.def("_set_autocast_dtype", [](DType dtype) { autocast_state().dtype = dtype; });
  m.def("is_autocast_cache_enabled", [] { return autocast_state().cache; });
  m.def("set_autocast_cache_enabled", [](bool enabled) { autocast_state().cache = enabled; });
  m.def("clear_autocast_cache", clear_autocast_cache);
  m.def("autocast_increment_nesting", [] { return ++autocast_state().nesting; });
  m.def("autocast_decrement_nesting", [] { return --autocast_state().nesting; });
}

}  // namespace fb::py
