#include "core/metrics_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>

#include "core/disk_error.h"

namespace grpo {
namespace {

[[noreturn]] void fail(const std::string& doing, const std::string& path, int code) {
  throw disk_error(doing, path, code);
}

// Every line of ours begins so; reading the number there spares parsing the rest of a long file.
constexpr std::string_view kPrefix = "{\"step\":";

std::optional<int64_t> step_of(const std::string& line, const std::string& where) {
  if (line.starts_with(kPrefix) && line.ends_with('}')) {
    int64_t step = 0;
    const char* end = line.data() + line.size();
    const auto [stop, error] = std::from_chars(line.data() + kPrefix.size(), end, step);
    if (error == std::errc() && (*stop == ',' || *stop == '}')) return step;
  }
  try {
    const Json row = parse_json(line, where);
    if (row.is_object() && row.contains("step") && row["step"].is_number_integer()) {
      return row["step"].get<int64_t>();
    }
  } catch (const Error&) {
    // Not JSON: reported by the caller like any other line without a step.
  }
  return std::nullopt;
}

// How many bytes from the start belong to whole lines with step <= last_step.
int64_t bytes_to_keep(const std::string& path, int64_t last_step) {
  std::ifstream file(path, std::ios::binary);
  int64_t kept = 0;
  int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (file.eof()) break;  // no newline: cut by a crash
    const auto step = step_of(line, path);
    if (!step) {
      throw Error(fmt::format("line {} is not a JSON object with an integer \"step\"", number), path,
                  "move the file away, or remove that line, and start again");
    }
    if (*step > last_step) break;
    kept += static_cast<int64_t>(line.size()) + 1;
  }
  return kept;
}

}  // namespace

MetricsWriter::MetricsWriter(std::string path, int64_t last_step)
    : path_(std::move(path)), last_step_(last_step) {
  const int64_t kept = last_step < 0 ? 0 : bytes_to_keep(path_, last_step);
  file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) fail("open the file", path_, errno);
  if (ftruncate(file_, kept) != 0) {
    const int code = errno;
    close(file_);
    fail("drop the lines of steps that will be taken again", path_, code);
  }
}

MetricsWriter::~MetricsWriter() {
  close(file_);
}

void MetricsWriter::write(int64_t step, const Json& metrics) {
  GRPO_CHECK(step >= last_step_ && metrics.is_object() && !metrics.contains("step"));
  Json row = {{"step", step}};
  row.update(metrics);
  // Text that is not UTF-8 (a truncated completion) must not stop a run: it is replaced.
  const std::string line = row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  const off_t before = lseek(file_, 0, SEEK_END);
  size_t written = 0;
  while (written < line.size()) {
    const ssize_t n = ::write(file_, line.data() + written, line.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int code = errno;
      if (ftruncate(file_, before) != 0) fail("write, nor take back half a line", path_, errno);
      fail("write the file", path_, code);
    }
    written += static_cast<size_t>(n);
  }
  last_step_ = step;
}

void MetricsWriter::sync() {
  if (fdatasync(file_) != 0) fail("sync the file to the disk", path_, errno);
}

}  // namespace grpo
