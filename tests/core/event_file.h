#pragma once
// Reads TensorBoard event files, field by field after the published formats: TFRecord, protocol buffers, CRC-32C bit
// by bit. Anything that does not fit is a runtime_error.

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace grpo::testing {

struct TensorBoardEvent {
  double wall_time = 0;
  int64_t step = 0;
  std::string file_version;
  std::map<std::string, float> scalars;
  std::optional<int64_t> session_status;
};

inline uint32_t crc32c(const std::string& bytes) {
  uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
  }
  return ~crc;
}

class FieldReader {
 public:
  explicit FieldReader(std::string bytes) : bytes_(std::move(bytes)) {}
  bool done() const { return at_ == bytes_.size(); }
  std::string take(size_t count) {
    if (count > bytes_.size() - at_) throw std::runtime_error("the bytes end too early");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  template <typename T>
  T fixed() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = fixed<uint8_t>();
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return value;
    }
  }
  // The number of the next field, whose wire type must be the one given.
  int field() {
    const uint64_t key = varint();
    wire_type_ = static_cast<int>(key & 7);
    return static_cast<int>(key >> 3);
  }
  void expect(int wire_type) const {
    if (wire_type != wire_type_) throw std::runtime_error("another wire type");
  }
  std::string bytes() { return expect(2), take(varint()); }

 private:
  std::string bytes_;
  size_t at_ = 0;
  int wire_type_ = -1;
};

inline void read_summary(FieldReader summary, std::map<std::string, float>& scalars) {
  while (!summary.done()) {
    if (summary.field() != 1) throw std::runtime_error("a summary holds more than values");
    FieldReader value(summary.bytes());
    std::string tag;
    while (!value.done()) {
      const int field = value.field();
      if (field == 1) {
        tag = value.bytes();
      } else if (field == 2) {
        value.expect(5);
        if (!scalars.emplace(tag, value.fixed<float>()).second) throw std::runtime_error("a tag comes twice");
      } else {
        throw std::runtime_error("a value has an unknown field");
      }
    }
  }
}

inline TensorBoardEvent read_event(FieldReader reader) {
  TensorBoardEvent event;
  while (!reader.done()) {
    switch (reader.field()) {
      case 1: reader.expect(1), event.wall_time = reader.fixed<double>(); break;
      case 2: reader.expect(0), event.step = static_cast<int64_t>(reader.varint()); break;
      case 3: event.file_version = reader.bytes(); break;
      case 5: read_summary(FieldReader(reader.bytes()), event.scalars); break;
      case 7: {
        FieldReader log(reader.bytes());
        if (log.field() != 1) throw std::runtime_error("a session log without status");
        log.expect(0);
        event.session_status = static_cast<int64_t>(log.varint());
        break;
      }
      default: throw std::runtime_error("an event has an unknown field");
    }
  }
  return event;
}

inline std::vector<TensorBoardEvent> read_events(const std::string& file) {
  const auto masked = [](const std::string& bytes) {
    const uint32_t crc = crc32c(bytes);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  };
  std::vector<TensorBoardEvent> events;
  FieldReader reader(file);
  while (!reader.done()) {
    const std::string length = reader.take(8);
    if (reader.fixed<uint32_t>() != masked(length)) throw std::runtime_error("the length has another checksum");
    const std::string data = reader.take(FieldReader(length).fixed<uint64_t>());
    if (reader.fixed<uint32_t>() != masked(data)) throw std::runtime_error("the data has another checksum");
    events.push_back(read_event(FieldReader(data)));
  }
  return events;
}

}  // namespace grpo::testing
