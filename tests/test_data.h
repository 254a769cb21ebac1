#pragma once
// Files that tests read: small ones under tests/golden, and real data in the folder that the environment variable
// GRPO_TEST_DATA names, else ../shared/data beside the source tree. A test whose data is absent says so and is skipped.

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/error.h"

namespace grpo {

inline std::string golden_path(const std::string& name) {
  return std::string(GRPO_SOURCE_DIR) + "/tests/golden/" + name;
}

inline std::string test_data(const std::string& name) {
  const char* folder = std::getenv("GRPO_TEST_DATA");
  std::string path = folder != nullptr ? folder : GRPO_SOURCE_DIR;
  if (folder == nullptr) path += "/../shared/data";
  return path + "/" + name;
}

// A file's bytes, unpacked if it is gzipped; the test program links ZLIB::ZLIB. Throws Error if it cannot be read.
inline std::string read_data(const std::string& path) {
  gzFile in = gzopen(path.c_str(), "rb");
  if (in == nullptr) throw Error("cannot open", path);
  std::string bytes;
  char chunk[1 << 16];
  int got;
  while ((got = gzread(in, chunk, sizeof chunk)) > 0) bytes.append(chunk, static_cast<size_t>(got));
  gzclose(in);
  if (got < 0) throw Error("cannot read", path);
  return bytes;
}

}  // namespace grpo

#define GRPO_NEEDS_DATA(path) \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "missing " << (path) << "; GRPO_TEST_DATA names the data folder"
