// Ctrl-C during long work: signals are handled where Python handles them, in the main thread.
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__APPLE__)
#include <pthread.h>
#endif

#include "python/py.h"

namespace fb::py {
namespace {

// After a fork too, where the only thread there is becomes the main one.
bool on_main_thread() {
#if defined(__linux__)
  return syscall(SYS_gettid) == getpid();
#elif defined(__APPLE__)
  return pthread_main_np() != 0;
#else
  return true;  // Python looks again
#endif
}

void handle_signals() {
  if (!on_main_thread()) return;
  AcquireGil gil;
  if (PyErr_Occurred() == nullptr) check(PyErr_CheckSignals());
}

}  // namespace

void init_interrupt() { set_interrupt_hook(handle_signals); }

}  // namespace fb::py
