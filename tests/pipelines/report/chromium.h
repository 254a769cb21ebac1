#pragma once
// A headless Chromium for tests, spoken to over the pipe of its DevTools protocol.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "tests/temporary_folder.h"

namespace grpo {

class Chromium {
 public:
  // Starts the program that $GRPO_CHROMIUM names, else chromium, chromium-browser or google-chrome of the PATH.
  Chromium();
  ~Chromium();  // ends it, and what it has started
  Chromium(const Chromium&) = delete;
  Chromium& operator=(const Chromium&) = delete;

  // Why there is none to test with; "" if it answers.
  const std::string& why_not() const { return why_not_; }

  // Opens a page in a window of this size and waits until it is loaded.
  void open(const std::string& url, int width, int height, bool dark = false);
  // The value of a JavaScript expression in the page.
  Json evaluate(const std::string& expression);
  // Writes what the window shows as PNG.
  void screenshot(const std::string& path);

  // Since the last open: URLs asked for, and what the console said (errors, violations of the page's policy, exceptions).
  const std::vector<std::string>& requests() const { return requests_; }
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  Json call(const std::string& method, const Json& params = Json::object());
  std::optional<Json> receive(double seconds);
  void note(const Json& event);

  TemporaryFolder profile_;
  pid_t process_ = -1;
  int to_ = -1, from_ = -1;
  std::string buffer_, session_, why_not_;
  int64_t calls_ = 0;
  bool loaded_ = false;
  std::vector<std::string> requests_, complaints_;
};

}  // namespace grpo
