#pragma once
// How far a long loop is, for the person watching: a bar redrawn in place where stderr is a terminal, a plain
// line every so often where it is a file. It never prints to stdout, which belongs to results.

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace grpo {

// "47s", "3m05s", "2h07m", "3d04h": two units at most. Negative or not finite: "?".
std::string format_duration(double seconds);

// Where progress goes and when. The functions exist so that a test can stand in for the terminal and the
// clock.
struct ProgressOutput {
  bool terminal = false;        // redraw one line with \r; otherwise whole lines
  int columns = 80;             // width of the terminal; the line is cut to it
  double plain_every_s = 30;    // seconds between two lines where it is not a terminal
  double redraw_every_s = 0.1;  // seconds between two drawings where it is one
  std::function<void(const std::string&)> write;
  std::function<double()> now;  // seconds of a clock that never goes back
};

// stderr and the steady clock.
ProgressOutput stderr_progress();

// Values shown at the end of the line, in this order, four significant digits each (or the whole part, where
// that is longer).
using ProgressMetrics = std::vector<std::pair<std::string, double>>;

// One loop of `total` steps, `done` of which an earlier process took. Not for several threads.
class Progress {
 public:
  Progress(std::string label, int64_t total, int64_t done = 0, ProgressOutput output = stderr_progress());
  ~Progress();  // finish()
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `step` steps are done now. Time left is estimated from the last 20 calls, so it follows a change of pace.
  void update(int64_t step, const ProgressMetrics& metrics = {});
  // Prints a line of its own above the bar.
  void message(const std::string& text);
  // Shows the last state, whatever the interval says, and ends the line. Calls after the first do nothing.
  void finish();

 private:
  std::string line() const;
  void show();

  std::string label_;
  int64_t total_;
  ProgressOutput output_;
  int64_t step_;
  ProgressMetrics metrics_;
  std::deque<std::pair<double, int64_t>> history_;  // (time, step), the oldest first
  double shown_at_;
  bool shown_current_ = false;  // the state on the screen is the newest
  bool drawn_ = false;          // a bar stands on the current line
  bool finished_ = false;
};

}  // namespace grpo
