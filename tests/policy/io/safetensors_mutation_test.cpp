// Damaged weight files and indices: each is an Error that names a file, or is read within its own bytes.
// Never a crash, never another exception, never a byte that is not the tensor's.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "core/json.h"
#include "core/seed.h"
#include "policy/io/safetensors.h"
#include "policy/io/safetensors_dtype.h"
#include "tests/mutation.h"
#include "tests/temporary_folder.h"

namespace grpo {
namespace {

const std::vector<std::string> kWords = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         "\"",
                                         "null",
                                         "true",
                                         "-1",
                                         "0",
                                         "8",
                                         "1e999",
                                         "4.0",
                                         "2147483648",
                                         "9223372036854775807",
                                         "18446744073709551615",
                                         "[0,0]",
                                         "[4294967296,4294967296]",
                                         "\"dtype\":",
                                         "\"shape\":",
                                         "\"data_offsets\":",
                                         "\"__metadata__\":",
                                         "\"F32\"",
                                         "\"F4\"",
                                         "\"BOOL\"",
                                         "\\u0000",
                                         "\\ud800",
                                         "\"a\":"};

std::string file_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string with_header(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

// The header with one to three of its values changed: always JSON, so that what reads entries and layout sees
// it.
std::string with_other_values(const std::string& header, uint64_t seed) {
  Stream random(seed);
  auto below = [&](size_t n) { return static_cast<size_t>(random.below(static_cast<int64_t>(n))); };
  Json json = Json::parse(header);
  auto entry = [&]() -> Json& {
    return std::next(json.begin(), static_cast<std::ptrdiff_t>(1 + below(json.size() - 1))).value();
  };
  static const uint64_t numbers[] = {
      0, 1, 2, 3, 4, 8, 24, 1u << 31, 1ull << 32, 1ull << 61, INT64_MAX, UINT64_MAX, UINT64_MAX - 7};
  for (int64_t edits = 1 + random.below(3); edits > 0; --edits) {
    Json& one = entry();
    Json& shape = one["shape"];
    switch (random.below(5)) {
      case 0:
        one["dtype"] = std::string(kSafetensorsDtypes[below(kSafetensorsDtypes.size())].name);
        break;
      case 1:
        shape.insert(shape.begin(), numbers[below(std::size(numbers))]);
        break;
      case 2:
        if (!shape.empty()) shape[below(shape.size())] = numbers[below(std::size(numbers))];
        break;
      case 3:
        one["data_offsets"][below(2)] = numbers[below(std::size(numbers))];
        break;
      default:
        std::swap(one, entry());
    }
  }
  return json.dump();
}

struct Counts {
  int64_t refused = 0;
  int64_t read = 0;
};

// Opens what lies at `path` and reads all of it. The folder's files are all named with `folder` in front.
void open_and_read(const std::string& path, const std::string& folder, Counts& counts) {
  std::map<std::string, std::string> bytes;
  try {
    const SafetensorsReader reader(path);
    for (const auto& [name, info] : reader.tensors()) {
      if (!bytes.contains(info.file)) bytes[info.file] = file_bytes(info.file);
      const std::string& file = bytes.at(info.file);
      ASSERT_LE(info.begin, info.end) << name;
      ASSERT_LE(info.end, file.size()) << name;
      std::string raw(info.end - info.begin, '\0');
      reader.read_bytes(name, 0, raw.size(), raw.data());
      ASSERT_EQ(raw, file.substr(info.begin, raw.size())) << name;
      ASSERT_THROW(reader.read_bytes(name, 0, raw.size() + 1, raw.data()), Error) << name;
      ASSERT_THROW(reader.read_bytes(name, ~uint64_t{0}, 2, raw.data()), Error) << name;
      if (!find_dtype(info.dtype)->type || info.dtype == "BOOL") continue;
      const at::Tensor tensor = reader.read(name);
      ASSERT_EQ(tensor.nbytes(), raw.size()) << name;
      ASSERT_TRUE(raw.empty() || std::memcmp(tensor.data_ptr(), raw.data(), raw.size()) == 0) << name;
    }
    ++counts.read;
  } catch (const Error& e) {
    ASSERT_NE(e.where().find(folder), std::string::npos) << e.what();
    ++counts.refused;
  }
}

class SafetensorsMutation : public ::testing::Test {
 protected:
  TemporaryFolder folder;
  const std::vector<NamedTensor> tensors = {{"model.a", at::arange(12, at::kFloat).view({3, 4})},
                                            {"b", at::arange(5).to(at::kBFloat16)},
                                            {"flag", at::ones({3}, at::kBool)},
                                            {"empty", at::empty({0, 4})},
                                            {"scalar", at::scalar_tensor(3, at::kDouble)},
                                            {"codes", at::arange(16, at::kByte).view(at::kFloat8_e4m3fn)}};
};

TEST_F(SafetensorsMutation, DamagedFilesAreErrorsOrAreReadWithinTheirBounds) {
  const std::string path = folder.file("x.safetensors");
  write_safetensors(path, tensors);
  const std::string whole = file_bytes(path);
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, whole.data(), 8);
  const std::string header = whole.substr(8, header_bytes), data = whole.substr(8 + header_bytes);
  Counts counts;
  for (int64_t i = 0; i < mutation_cases(2000); ++i) {
    const auto seed = static_cast<uint64_t>(i);
    // Two of three keep the length in front true, so that the damage is seen by the header's reader.
    folder.write("x.safetensors", i % 3 == 0   ? mutated(whole, kWords, seed)
                                  : i % 3 == 1 ? with_header(mutated(header, kWords, seed), data)
                                               : with_header(with_other_values(header, seed), data));
    open_and_read(path, folder.path(), counts);
    if (HasFatalFailure()) FAIL() << "case " << i;
  }
  EXPECT_GT(counts.refused, mutation_cases(2000) / 2);
  EXPECT_GT(counts.read, mutation_cases(2000) / 50);  // damage within the data or a name, entries swapped
}

TEST_F(SafetensorsMutation, DamagedIndicesAreErrorsOrAreReadWithinTheShards) {
  write_sharded_safetensors(folder.path(), tensors, 40);
  const std::string path = folder.file("model.safetensors.index.json"), good = file_bytes(path);
  std::vector<std::string> words = kWords;
  for (const char* word :
       {"\"weight_map\":", "\"metadata\":", "\"../x\"", "\"/dev/zero\"", "\".\"",
        "model-00001-of-00003.safetensors", "\"b\":", "\"model.safetensors.index.json\""}) {
    words.push_back(word);
  }
  Counts counts;
  for (int64_t i = 0; i < mutation_cases(2000); ++i) {
    folder.write("model.safetensors.index.json", mutated(good, words, static_cast<uint64_t>(i)));
    open_and_read(folder.path(), folder.path(), counts);
    if (HasFatalFailure()) FAIL() << "case " << i;
  }
  EXPECT_GT(counts.refused, mutation_cases(2000) / 2);
  EXPECT_GT(counts.read, 0);  // damage to white space or to the metadata
}

}  // namespace
}  // namespace grpo
