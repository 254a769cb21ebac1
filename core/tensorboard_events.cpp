#include "core/tensorboard_events.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <boost/crc.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "core/disk_error.h"
#include "core/file.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "events.out.tfevents.";

[[noreturn]] void fail(const std::string& doing, const std::string& path, int code) {
  throw disk_error(doing, path, code);
}

// ---- Protocol buffers, as far as events need them: fields of one message after the other.

class Message {
 public:
  void varint(int field, uint64_t value) {
    add_varint(static_cast<uint64_t>(field) << 3);
    add_varint(value);
  }
  void fixed64(int field, double value) { fixed(field, 1, std::bit_cast<uint64_t>(value), 8); }
  void fixed32(int field, float value) { fixed(field, 5, std::bit_cast<uint32_t>(value), 4); }
  void bytes(int field, std::string_view value) {
    add_varint(static_cast<uint64_t>(field) << 3 | 2);
    add_varint(value.size());
    bytes_ += value;
  }
  const std::string& done() const { return bytes_; }

 private:
  void add_varint(uint64_t value) {
    for (; value >= 128; value >>= 7) bytes_ += static_cast<char>(value | 128);
    bytes_ += static_cast<char>(value);
  }
  void fixed(int field, int wire_type, uint64_t bits, int count) {
    add_varint(static_cast<uint64_t>(field << 3 | wire_type));
    for (int i = 0; i < count; ++i) bytes_ += static_cast<char>(bits >> (8 * i));
  }

  std::string bytes_;
};

// tensorflow.Event: wall_time 1, step 2, file_version 3, summary 5, session_log 7.
Message event_at(int64_t step) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  Message event;
  event.fixed64(1, std::chrono::duration<double>(now).count());
  event.varint(2, static_cast<uint64_t>(step));
  return event;
}

Message scalar(const std::string& tag, double value) {  // tensorflow.Summary.Value
  Message scalar;
  scalar.bytes(1, tag);
  scalar.fixed32(2, static_cast<float>(value));
  return scalar;
}

// ---- Records.

uint32_t masked_crc(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return std::rotr(static_cast<uint32_t>(crc.checksum()), 15) + 0xa282ead8u;
}

std::string little_endian(uint64_t value, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

std::string record_of(const std::string& data) {
  const std::string length = little_endian(data.size(), 8);
  return length + little_endian(masked_crc(length), 4) + data + little_endian(masked_crc(data), 4);
}

// Seconds since 1970, or more where a file of the folder says a later time: TensorBoard reads files by name.
int64_t next_second(const std::string& directory) {
  int64_t second = static_cast<int64_t>(std::time(nullptr));
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    int64_t said = 0;
    const char* begin = name.data() + kPrefix.size();
    const auto [stop, error] = std::from_chars(begin, name.data() + name.size(), said);
    if (error == std::errc() && said < INT32_MAX) second = std::max(second, said + 1);
  }
  return second;
}

std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

}  // namespace

TensorBoardWriter::TensorBoardWriter(const std::string& directory, int64_t last_step) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) fail("create the folder", directory, error.value());
  path_ = fmt::format("{}/{}{:010}.{}.{}.0", directory, kPrefix, next_second(directory), host_name(), getpid());
  file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) fail("create the event file", path_, errno);
  try {
    Message version = event_at(0);
    version.bytes(3, "brain.Event:2");
    append(version.done());
    Message start;  // tensorflow.SessionLog: status 1 = START
    start.varint(1, 1);
    Message event = event_at(std::max<int64_t>(last_step, -1) + 1);
    event.bytes(7, start.done());
    append(event.done());
    sync_to_disk(directory);
  } catch (...) {
    close(file_);
    throw;
  }
}

TensorBoardWriter::~TensorBoardWriter() { close(file_); }

void TensorBoardWriter::write(int64_t step, const Json& metrics) {
  GRPO_CHECK(step >= 0 && metrics.is_object());
  Message summary;
  for (const auto& [name, value] : metrics.items()) {
    if (value.is_boolean()) summary.bytes(1, scalar(name, value.get<bool>() ? 1.0 : 0.0).done());
    if (value.is_number()) summary.bytes(1, scalar(name, value.get<double>()).done());
  }
  if (summary.done().empty()) return;
  Message event = event_at(step);
  event.bytes(5, summary.done());
  append(event.done());
}

void TensorBoardWriter::append(const std::string& event) {
  const std::string record = record_of(event);
  const off_t before = lseek(file_, 0, SEEK_END);
  size_t written = 0;
  while (written < record.size()) {
    const ssize_t n = ::write(file_, record.data() + written, record.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int code = errno;
      if (ftruncate(file_, before) != 0) fail("write, nor take back half a record", path_, errno);
      fail("write the file", path_, code);
    }
    written += static_cast<size_t>(n);
  }
}

void TensorBoardWriter::sync() {
  if (fdatasync(file_) != 0) fail("sync the file to the disk", path_, errno);
}

}  // namespace grpo
