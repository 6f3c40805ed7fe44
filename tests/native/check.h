// Checks for the native tests: a failing expression is printed and ends the program.
#pragma once
#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace fb_test {

inline std::atomic<int> passed = 0;  // several threads may check

inline int report() {
  std::printf("%d passed, 0 failed\n", passed.load());
  return 0;
}

}  // namespace fb_test

#define CHECK(...)                                                                         \
  do {                                                                                     \
    if (!(__VA_ARGS__)) {                                                                  \
      std::fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #__VA_ARGS__); \
      std::printf("%d passed, 1 failed\n", ::fb_test::passed.load());                      \
      std::exit(1);                                                                        \
    }                                                                                      \
    ++::fb_test::passed;                                                                   \
  } while (0)

// Checks that `statement` throws an Error of the kind, and that its message holds `text`.
#define CHECK_RAISES(error_kind, text, ...)                                                     \
  do {                                                                                          \
    bool raised = false;                                                                        \
    try {                                                                                       \
      __VA_ARGS__;                                                                              \
    } catch (const ::fb::Error& error) {                                                        \
      raised = error.kind() == (error_kind) && error.message().find(text) != std::string::npos; \
    }                                                                                           \
    CHECK(raised && #__VA_ARGS__);                                                              \
  } while (0)
