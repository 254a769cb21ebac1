#pragma once
// How a long computation is asked to stop in the middle, and how it says that it did.

#include <exception>
#include <functional>

namespace grpo {

// Asked between the parts of a computation, on its thread; true: it gives up by throwing Cancelled. Empty: never.
using StopRequest = std::function<bool()>;

// A computation gave up because it was asked to. Not an Error: nothing is wrong.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "stopped on request"; }
};

inline void stop_if(const StopRequest& request) {
  if (request && request()) throw Cancelled();
}

}  // namespace grpo
