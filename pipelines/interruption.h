#pragma once
// SIGINT (Ctrl-C) and SIGTERM (a scheduler that wants its machine back) ask a run to save a checkpoint and stop; the
// second one stops it at once.

#include <exception>
#include <string>

namespace grpo {

// While it lives, the first signal of either kind is remembered instead of ending the process. One at a time.
class Interruption {
 public:
  Interruption();
  ~Interruption();  // signals act as before
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  // The signal that came, 0 if none.
  static int signal();
};

// What a run ends with that was told to stop, its checkpoint being saved. Not an Error: nothing is wrong.
class Interrupted : public std::exception {
 public:
  Interrupted(int signal, std::string text) : signal_(signal), text_(std::move(text)) {}
  int signal() const { return signal_; }
  const char* what() const noexcept override { return text_.c_str(); }  // one line for the user

 private:
  int signal_;
  std::string text_;
};

}  // namespace grpo
