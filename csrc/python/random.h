#pragma once
#include "python/py.h"

namespace fb::py {

// The Python object of a generator, or None: a new reference.
PyObject* wrap_generator(Generator* generator);

}  // namespace fb::py
