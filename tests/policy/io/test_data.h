#pragma once
// Where the tests of this folder find files: small ones under tests/golden, and, if present, the folder of
// real tokenizers and models that GRPO_TEST_DATA names.

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "core/error.h"

namespace grpo {

inline std::string golden_path(const std::string& name) {
  return std::string(GRPO_SOURCE_DIR) + "/tests/golden/" + name;
}

inline std::string data_path(const std::string& name) {
  const char* folder = std::getenv("GRPO_TEST_DATA");
  const std::string base = folder != nullptr ? folder : std::string(GRPO_SOURCE_DIR) + "/../shared/data";
  return base + "/" + name;
}

// A file's bytes, unpacked if it is gzipped.
inline std::string read_data(const std::string& path) {
  gzFile in = gzopen(path.c_str(), "rb");
  if (in == nullptr) throw Error("cannot open", path);
  std::string bytes;
  char chunk[1 << 16];
  for (int got; (got = gzread(in, chunk, sizeof chunk)) > 0;) bytes.append(chunk, static_cast<size_t>(got));
  gzclose(in);
  return bytes;
}

// The summary and place of the Error that `act` throws; "" if it throws none.
template <typename Act>
std::string error_of(Act act) {
  try {
    act();
  } catch (const Error& e) {
    return e.summary() + " | " + e.where();
  }
  return "";
}

// A fresh folder that is removed again.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "grpo-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw Error("cannot make a temporary folder", name);
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  if (!out.flush()) throw Error("cannot write", path);
}

}  // namespace grpo

#define SKIP_WITHOUT_DATA(name)                          \
  if (!std::filesystem::exists(::grpo::data_path(name))) \
  GTEST_SKIP() << "no " << ::grpo::data_path(name) << "; set GRPO_TEST_DATA to the folder of test data"
