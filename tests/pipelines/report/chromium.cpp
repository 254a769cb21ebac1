#include "tests/pipelines/report/chromium.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <stdexcept>

#include "tests/programs_and_ports.h"

extern char** environ;

namespace grpo {
namespace {

constexpr double kPatience = 90;  // seconds; a busy machine starts it in ten

std::string find_program() {
  if (const char* named = std::getenv("GRPO_CHROMIUM")) return named;
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    if (has_program(name)) return name;
  }
  return "";
}

std::vector<unsigned char> from_base64(const std::string& text) {
  std::vector<unsigned char> bytes;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (value < 0) continue;
    buffer = buffer << 6 | static_cast<unsigned>(value);
    bits += 6;
    if (bits >= 8) bytes.push_back(static_cast<unsigned char>(buffer >> (bits -= 8)));
  }
  return bytes;
}

}  // namespace

Chromium::Chromium() {
  const std::string program = find_program();
  if (program.empty()) {
    why_not_ = "there is no chromium (apt-get install chromium, or let GRPO_CHROMIUM name one)";
    return;
  }
  std::array<int, 2> in{}, out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  // Its ends become 3 and 4; those that have these numbers already would lose them.
  for (int* end : {in.data(), in.data() + 1, out.data(), out.data() + 1}) {
    const int high = fcntl(*end, F_DUPFD_CLOEXEC, 10);
    close(*end);
    *end = high;
  }
  std::vector<std::string> words = {program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                    "--no-first-run", "--disable-background-networking", "--disable-component-update",
                                    "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir=" + profile_.path(),
                                    "about:blank"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in[0], 3);
  posix_spawn_file_actions_adddup2(&files, out[1], 4);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int failed = posix_spawnp(&process_, program.c_str(), &files, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  close(in[0]);
  close(out[1]);
  to_ = in[1];
  from_ = out[0];
  signal(SIGPIPE, SIG_IGN);
  if (failed != 0) {
    process_ = -1;
    why_not_ = program + " does not start";
    return;
  }
  try {
    const Json target = call("Target.createTarget", {{"url", "about:blank"}});
    session_ = call("Target.attachToTarget", {{"targetId", target["targetId"]}, {"flatten", true}})["sessionId"];
    for (const char* domain : {"Page.enable", "Runtime.enable", "Log.enable", "Network.enable"}) call(domain);
  } catch (const std::exception& error) {
    why_not_ = program + " does not answer: " + error.what();
  }
}

Chromium::~Chromium() {
  for (const int end : {to_, from_}) {
    if (end >= 0) close(end);
  }
  if (process_ <= 0) return;
  kill(-process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

std::optional<Json> Chromium::receive(double seconds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (;;) {
    if (const size_t end = buffer_.find('\0'); end != std::string::npos) {
      Json message = Json::parse(buffer_.substr(0, end));
      buffer_.erase(0, end + 1);
      return message;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    pollfd ready{from_, POLLIN, 0};
    if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) <= 0) return std::nullopt;
    std::array<char, 65536> chunk{};
    const ssize_t got = read(from_, chunk.data(), chunk.size());
    if (got <= 0) throw std::runtime_error("it has ended");
    buffer_.append(chunk.data(), static_cast<size_t>(got));
  }
}

void Chromium::note(const Json& event) {
  const std::string method = event.value("method", "");
  const Json params = event.value("params", Json::object());
  if (method == "Page.loadEventFired") loaded_ = true;
  if (method == "Network.requestWillBeSent") requests_.push_back(params["request"]["url"]);
  if (method == "Runtime.exceptionThrown" || method == "Runtime.consoleAPICalled" || method == "Log.entryAdded") {
    complaints_.push_back(params.dump());
  }
}

Json Chromium::call(const std::string& method, const Json& params) {
  Json message = {{"id", ++calls_}, {"method", method}, {"params", params}};
  if (!session_.empty()) message["sessionId"] = session_;
  const std::string text = message.dump() + '\0';
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t n = write(to_, text.data() + sent, text.size() - sent);
    if (n <= 0) throw std::runtime_error("it takes no commands");
    sent += static_cast<size_t>(n);
  }
  while (const auto answer = receive(kPatience)) {
    if (answer->value("id", int64_t{0}) != calls_) {
      note(*answer);
      continue;
    }
    if (answer->contains("error")) throw std::runtime_error(method + ": " + (*answer)["error"].dump());
    return answer->value("result", Json::object());
  }
  throw std::runtime_error(method + ": no answer");
}

void Chromium::open(const std::string& url, int width, int height, bool dark) {
  call("Emulation.setDeviceMetricsOverride",
       {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", width < 600}});
  call("Emulation.setEmulatedMedia",
       {{"features", Json::array({{{"name", "prefers-color-scheme"}, {"value", dark ? "dark" : "light"}}})}});
  requests_.clear();
  complaints_.clear();
  loaded_ = false;
  call("Page.navigate", {{"url", url}});
  while (!loaded_) {
    const auto event = receive(kPatience);
    if (!event) throw std::runtime_error(url + " does not load");
    note(*event);
  }
  // What it may still say of the page it has loaded.
  while (const auto event = receive(0.3)) note(*event);
}

Json Chromium::evaluate(const std::string& expression) {
  const Json result = call("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}});
  if (result.contains("exceptionDetails")) throw std::runtime_error(expression + ": " + result["exceptionDetails"].dump());
  return result["result"].value("value", Json());
}

void Chromium::screenshot(const std::string& path) {
  const Json shot = call("Page.captureScreenshot", {{"format", "png"}});
  const auto bytes = from_base64(shot["data"]);
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace grpo
