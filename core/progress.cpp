#include "core/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace grpo {
namespace {

constexpr size_t kHistory = 20;
constexpr int kBarColumns = 20;

std::string bar(double fraction) {
  const int filled = static_cast<int>(std::floor(fraction * kBarColumns));
  return "[" + std::string(filled, '#') + std::string(kBarColumns - filled, '.') + "]";
}

// Four significant digits; a large number is a count of something and keeps its whole part.
std::string number(double value) {
  const bool large = std::abs(value) >= 1e4 && std::abs(value) < 1e9;
  return large ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

}  // namespace

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e12) return "?";
  const auto total = static_cast<int64_t>(std::llround(seconds));
  const int64_t minutes = total / 60, hours = total / 3600, days = total / 86400;
  if (days > 0) return fmt::format("{}d{:02}h", days, hours % 24);
  if (hours > 0) return fmt::format("{}h{:02}m", hours, minutes % 60);
  if (minutes > 0) return fmt::format("{}m{:02}s", minutes, total % 60);
  return fmt::format("{}s", total);
}

ProgressOutput stderr_progress() {
  ProgressOutput output;
  output.terminal = isatty(STDERR_FILENO) == 1;
  winsize size{};
  if (output.terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    output.columns = size.ws_col;
  }
  output.write = [](const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
  };
  output.now = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  return output;
}

Progress::Progress(std::string label, int64_t total, int64_t done, ProgressOutput output)
    : label_(std::move(label)),
      total_(total),
      output_(std::move(output)),
      step_(done),
      shown_at_(output_.now()) {
  history_.emplace_back(shown_at_, done);
  if (output_.terminal) show();
}

Progress::~Progress() {
  finish();
}

std::string Progress::line() const {
  const double fraction =
      total_ > 0 ? std::clamp(static_cast<double>(step_) / static_cast<double>(total_), 0.0, 1.0) : 1.0;
  std::string text = label_ + "  ";
  if (output_.terminal) text += bar(fraction) + " ";
  text += fmt::format("{}/{}  {}%", step_, total_, static_cast<int>(std::floor(fraction * 100)));
  const auto& [first_time, first_step] = history_.front();
  const auto& [last_time, last_step] = history_.back();
  if (last_step > first_step) {
    const double step_s = (last_time - first_time) / static_cast<double>(last_step - first_step);
    text += fmt::format("  {:.3g} s/step", step_s);
    if (step_ < total_)
      text += "  " + format_duration(step_s * static_cast<double>(total_ - step_)) + " left";
  }
  for (const auto& [name, value] : metrics_) text += "  " + name + " " + number(value);
  return text;
}

void Progress::show() {
  if (output_.terminal) {
    // One column stays free: a full line would wrap, and \r would then not reach its start. \033[K clears the
    // rest of what stood there.
    output_.write("\r" + line().substr(0, static_cast<size_t>(std::max(output_.columns - 1, 1))) + "\033[K");
    drawn_ = true;
  } else {
    output_.write(line() + "\n");
  }
  shown_at_ = output_.now();
  shown_current_ = true;
}

void Progress::update(int64_t step, const ProgressMetrics& metrics) {
  const double now = output_.now();
  step_ = step;
  metrics_ = metrics;
  history_.emplace_back(now, step);
  if (history_.size() > kHistory + 1) history_.pop_front();
  shown_current_ = false;
  if (now - shown_at_ >= (output_.terminal ? output_.redraw_every_s : output_.plain_every_s)) show();
}

void Progress::message(const std::string& text) {
  output_.write((drawn_ ? "\r\033[K" : "") + text + "\n");
  drawn_ = false;
  if (output_.terminal && !finished_) show();
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (!shown_current_) show();
  if (drawn_) output_.write("\n");
}

}  // namespace grpo
