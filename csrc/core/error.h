// Errors. A user's mistake is FB_CHECK*, a bug of ours is FB_ASSERT and asks for a report.
#pragma once
#include <cstdint>
#include <exception>
#include <sstream>
#include <string>
#include <utility>

namespace fb {

// The Python exception an error becomes.
enum class ErrorKind : uint8_t {
  Runtime,
  Value,
  Type,
  Index,
  NotImplemented,
  OutOfMemory,
  Buffer,
  Internal
};

class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }

 private:
  ErrorKind kind_;
  std::string message_;
};

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

template <class... Parts>
[[noreturn, gnu::noinline, gnu::cold]] void raise(ErrorKind kind, const Parts&... parts) {
  throw Error(kind, concat(parts...));
}

}  // namespace fb

#define FB_CHECK_KIND(kind, condition, ...)                                                 \
  do {                                                                                      \
    if (__builtin_expect(!(condition), 0)) ::fb::raise(::fb::ErrorKind::kind, __VA_ARGS__); \
  } while (0)
#define FB_CHECK(condition, ...) FB_CHECK_KIND(Runtime, condition, __VA_ARGS__)
#define FB_CHECK_VALUE(condition, ...) FB_CHECK_KIND(Value, condition, __VA_ARGS__)
#define FB_CHECK_TYPE(condition, ...) FB_CHECK_KIND(Type, condition, __VA_ARGS__)
#define FB_CHECK_INDEX(condition, ...) FB_CHECK_KIND(Index, condition, __VA_ARGS__)
#define FB_ASSERT(condition)                                                      \
  FB_CHECK_KIND(Internal, condition, "internal error at " __FILE__ ":", __LINE__, \
                ": " #condition " does not hold. This is a bug in flambeau: please report it.")
