// A callable passed down a call: two words, no allocation. It does not own what it refers to, so it
// is a parameter type and never a member that outlives the call.
#pragma once
#include <memory>
#include <type_traits>
#include <utility>

namespace fb {

template <class Signature>
class FunctionRef;

template <class Result, class... Args>
class FunctionRef<Result(Args...)> {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> &&
             std::is_invocable_r_v<Result, F&, Args...>)
  FunctionRef(F&& callable) noexcept {  // implicit, so that a lambda can be handed over as it is
    using Callable = std::remove_reference_t<F>;
    if constexpr (std::is_function_v<Callable>) {
      target_.function = reinterpret_cast<void (*)()>(&callable);
    } else {
      target_.object = const_cast<void*>(static_cast<const void*>(std::addressof(callable)));
    }
    invoke_ = [](Target target, Args... args) -> Result {
      if constexpr (std::is_function_v<Callable>) {
        return reinterpret_cast<Callable*>(target.function)(std::forward<Args>(args)...);
      } else {
        return (*static_cast<Callable*>(target.object))(std::forward<Args>(args)...);
      }
    };
  }

  Result operator()(Args... args) const { return invoke_(target_, std::forward<Args>(args)...); }

 private:
  union Target {
    void* object;
    void (*function)();
  };
  Target target_;
  Result (*invoke_)(Target, Args...);
};

}  // namespace fb
