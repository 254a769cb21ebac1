#include "policy/io/safetensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstring>

#include "core/file.h"
#include "core/json.h"
#include "core/seed.h"
#include "policy/io/safetensors_dtype.h"
#include "tests/temporary_folder.h"
#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

std::string file_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A file of the format, spelled out.
std::string raw_file(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
         (a.nbytes() == 0 || std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0);
}

// Every bit pattern may occur, NaNs too.
at::Tensor random_bits(at::IntArrayRef shape, at::ScalarType type, uint64_t seed) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type));
  Stream random(seed);
  auto* bytes = static_cast<uint8_t*>(tensor.data_ptr());
  for (size_t i = 0; i < tensor.nbytes(); ++i) {
    bytes[i] = static_cast<uint8_t>(type == at::kBool ? random.below(2) : random.below(256));
  }
  return tensor;
}

std::vector<NamedTensor> one_of_each() {
  std::vector<NamedTensor> tensors;
  uint64_t seed = 1;
  for (const auto& dtype : kSafetensorsDtypes) {
    if (dtype.type) tensors.push_back({std::string(dtype.name), random_bits({3, 5}, *dtype.type, seed++)});
  }
  tensors.push_back({"scalar", random_bits({}, at::kFloat, seed++)});
  tensors.push_back({"empty", at::empty({0, 4}, at::kFloat)});
  return tensors;
}

class Safetensors : public ::testing::Test {
 protected:
  std::string error_of_file(const std::string& bytes) const {
    write_file_atomically(path, bytes);
    return error_text([&] { SafetensorsReader reader(path); });
  }
  TemporaryFolder folder;
  const std::string path = folder.file("x.safetensors");
};

TEST_F(Safetensors, EveryDtypeComesBackBitForBit) {
  const auto tensors = one_of_each();
  ASSERT_GE(tensors.size(), 16u);
  write_safetensors(path, tensors, {{"format", "pt"}, {"step", "7"}});
  const SafetensorsReader reader(path);
  EXPECT_EQ(reader.tensors().size(), tensors.size());
  EXPECT_EQ(reader.metadata().at("step"), "7");
  for (const auto& [name, tensor] : tensors) {
    EXPECT_TRUE(same_bits(reader.read(name), tensor)) << name;
    EXPECT_EQ(reader.tensors().at(name).file, path);
  }
}

TEST_F(Safetensors, TheBytesAreThoseOfTheFormat) {
  const at::Tensor tensor = at::tensor({1.0f, -2.0f});
  write_safetensors(path, {{"w", tensor}}, {});
  std::string header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  EXPECT_EQ(file_bytes(path), raw_file(header, std::string("\x00\x00\x80\x3f\x00\x00\x00\xc0", 8)));
}

TEST_F(Safetensors, TensorsLieInTheOrderGiven) {
  write_safetensors(path, {{"b", at::zeros({2})}, {"a", at::ones({3})}, {"c", at::zeros({1})}});
  const SafetensorsReader reader(path);
  EXPECT_LT(reader.tensors().at("b").begin, reader.tensors().at("a").begin);
  EXPECT_LT(reader.tensors().at("a").begin, reader.tensors().at("c").begin);
  EXPECT_EQ(reader.tensors().at("c").end, fs::file_size(path));
}

TEST_F(Safetensors, ViewsAreWrittenAsWhatTheyShow) {
  const at::Tensor base = at::arange(24, at::kFloat).view({4, 6});
  write_safetensors(path, {{"t", base.t()}, {"slice", base.slice(1, 1, 5, 2)}, {"row", base[2]}});
  const SafetensorsReader reader(path);
  EXPECT_TRUE(same_bits(reader.read("t"), base.t().contiguous()));
  EXPECT_TRUE(same_bits(reader.read("slice"), base.slice(1, 1, 5, 2).contiguous()));
  EXPECT_TRUE(same_bits(reader.read("row"), base[2].contiguous()));
}

TEST_F(Safetensors, AReadTensorOwnsItsMemory) {
  write_safetensors(path, {{"w", at::ones({4})}});
  const SafetensorsReader reader(path);
  reader.read("w").fill_(5);
  EXPECT_TRUE(at::equal(reader.read("w"), at::ones({4})));
}

TEST_F(Safetensors, NoTensorsAtAllIsAFileToo) {
  write_safetensors(path, {});
  EXPECT_TRUE(SafetensorsReader(path).tensors().empty());
}

TEST_F(Safetensors, AnAbsentTensorIsNamed) {
  write_safetensors(path, {{"w", at::ones({4})}});
  const SafetensorsReader reader(path);
  EXPECT_NE(error_text([&] { reader.read("v"); }).find("no tensor v"), std::string::npos);
}

TEST_F(Safetensors, ADtypeLibTorchLacksIsListedButNotRead) {
  write_file_atomically(path, raw_file(R"({"q":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}})", "ab"));
  const SafetensorsReader reader(path);
  EXPECT_EQ(reader.tensors().at("q").dtype, "F4");
  EXPECT_NE(error_text([&] { reader.read("q"); }).find("no type for F4"), std::string::npos);
}

TEST_F(Safetensors, ABoolIsZeroOrOne) {
  write_file_atomically(path, raw_file(R"({"b":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", "\x01\x02"));
  EXPECT_NE(error_text([&] { SafetensorsReader(path).read("b"); }).find("other than 0 and 1"),
            std::string::npos);
}

TEST_F(Safetensors, BrokenHeadersAreErrorsThatNameTheFile) {
  const std::pair<const char*, std::string> cases[] = {
      {"too short", "abc"},
      {"is said to have", std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)},
      {"is said to have", std::string("\x10\x00\x00\x00\x00\x00\x00\x00{}", 10)},
      {"not valid JSON", raw_file("{\"w\":", "")},
      {"not valid JSON", raw_file("", "")},
      {"not valid JSON", raw_file("{\"\xff\":1}", "")},
      {"not an object", raw_file("[]", "")},
      {"nested more than", raw_file(std::string(100'000, '['), "")},
      {"__metadata__", raw_file(R"({"__metadata__":[]})", "")},
      {"__metadata__", raw_file(R"({"__metadata__":{"a":1}})", "")},
      {"given twice", raw_file(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                               R"("w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                               "a")},
  };
  for (const auto& [says, bytes] : cases) {
    const std::string error = error_of_file(bytes);
    EXPECT_NE(error.find(says), std::string::npos) << "wanted " << says << ", got " << error;
    EXPECT_NE(error.find(path), std::string::npos) << error;
  }
}

TEST_F(Safetensors, BrokenEntriesAreErrorsThatNameFileAndTensor) {
  const std::pair<const char*, const char*> cases[] = {
      {"not an object", R"({"w":1})"},
      {"\"dtype\" is missing", R"({"w":{"shape":[4],"data_offsets":[0,4]}})"},
      {"none of the format's", R"({"w":{"dtype":"F31","shape":[4],"data_offsets":[0,4]}})"},
      {"none of the format's", R"({"w":{"dtype":7,"shape":[4],"data_offsets":[0,4]}})"},
      {"\"shape\" is missing", R"({"w":{"dtype":"U8","data_offsets":[0,4]}})"},
      {"its shape", R"({"w":{"dtype":"U8","shape":4,"data_offsets":[0,4]}})"},
      {"its shape", R"({"w":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}})"},
      {"its shape", R"({"w":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}})"},
      {"its shape", R"({"w":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,4]}})"},
      {"too large", R"({"w":{"dtype":"U8","shape":[4294967296,4294967296,4],"data_offsets":[0,4]}})"},
      {"too large", R"({"w":{"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}})"},
      {"takes 16 bytes", R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,4]}})"},
      {"whole bytes", R"({"w":{"dtype":"F4","shape":[3],"data_offsets":[0,4]}})"},
      {"\"data_offsets\" is missing", R"({"w":{"dtype":"U8","shape":[4]}})"},
      {"data_offsets", R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[0]}})"},
      {"data_offsets", R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[-4,0]}})"},
      {"lies outside", R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})"},
      {"lies outside", R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[1,5]}})"},
      {"lies outside",
       R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[18446744073709551612,18446744073709551615]}})"},
      {"behind a gap", R"({"w":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}})"},
      {"unknown key", R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"strides":[1]}})"},
      {"inside the tensor", R"({"v":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                            R"("w":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})"},
  };
  for (const auto& [says, header] : cases) {
    const std::string error = error_of_file(raw_file(header, "data"));
    EXPECT_NE(error.find(says), std::string::npos) << "wanted " << says << ", got " << error;
    EXPECT_NE(error.find("tensor w"), std::string::npos) << error;
    EXPECT_NE(error.find(path), std::string::npos) << error;
  }
}

TEST_F(Safetensors, BytesNobodyOwnsAreAnError) {
  const std::string header = R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})";
  EXPECT_EQ(error_of_file(raw_file(header, "data")), "");
  EXPECT_NE(error_of_file(raw_file(header, "data!")).find("the tensors take 4 bytes"), std::string::npos);
}

TEST_F(Safetensors, AnyTruncationIsAnError) {
  write_safetensors(path, {{"a", at::ones({3})}, {"b", at::ones({2}, at::kHalf)}});
  const std::string whole = file_bytes(path);
  for (size_t length = 0; length < whole.size(); ++length) {
    ASSERT_NE(error_of_file(whole.substr(0, length)), "") << length;
  }
}

TEST_F(Safetensors, AFileCutShortAfterOpeningIsAnErrorNotASignal) {
  write_safetensors(path, {{"a", at::ones({1 << 16})}});
  const SafetensorsReader reader(path);
  fs::resize_file(path, 4096);
  const std::string error = error_text([&] { reader.read("a"); });
  EXPECT_NE(error.find("tensor a: the file ends"), std::string::npos) << error;
  EXPECT_NE(error.find(path), std::string::npos) << error;
}

TEST_F(Safetensors, FlippedBytesAreAnErrorOrTheSameShapesOfBytes) {
  write_safetensors(path, {{"a", random_bits({4, 3}, at::kBFloat16, 1)},
                           {"flag", random_bits({5}, at::kBool, 2)},
                           {"n", random_bits({2}, at::kLong, 3)}});
  const std::string whole = file_bytes(path);
  Stream random(4);
  int refused = 0, read = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int change = 0; change < 3; ++change) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(change < 2 ? bytes[at] ^ (1 << random.below(8)) : random.below(256));
      write_file_atomically(path, bytes);
      try {
        const SafetensorsReader reader(path);
        for (const auto& [name, info] : reader.tensors()) {
          const at::Tensor tensor = reader.read(name);
          ASSERT_LE(info.end, bytes.size());
          ASSERT_EQ(std::memcmp(tensor.data_ptr(), bytes.data() + info.begin, info.end - info.begin), 0);
        }
        ++read;
      } catch (const Error& e) {
        ASSERT_NE(std::string(e.where()).find(path), std::string::npos) << e.what();
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(read, 100);  // flips within the data, and of letters within a name
}

TEST_F(Safetensors, NamesGivenTwiceAndReservedOnesAreRefused) {
  EXPECT_NE(error_text([&] { write_safetensors(path, {{"w", at::ones({1})}, {"w", at::ones({1})}}); }), "");
  EXPECT_NE(error_text([&] { write_safetensors(path, {{"__metadata__", at::ones({1})}}); }), "");
  EXPECT_NE(error_text([&] { write_safetensors(path, {{"z", at::ones({1}, at::kComplexDouble)}}); }), "");
  EXPECT_NE(error_text([&] { write_safetensors(path, {{"\xff", at::ones({1})}}); }), "");
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(Safetensors, AFolderThatIsNotThereIsAnError) {
  const std::string error = error_text([&] {
    write_safetensors(folder.file("no/x.safetensors"), {{"w", at::ones({1})}});
  });
  EXPECT_NE(error.find("No such file"), std::string::npos) << error;
}

TEST_F(Safetensors, AFullDiskKeepsTheOldFileAndLeavesNothingElse) {
  write_safetensors(path, {{"w", at::ones({8})}});
  const std::string before = file_bytes(path);
  // The largest file the process may write stands in for the end of the disk.
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const auto old_action = signal(SIGXFSZ, SIG_IGN);
  const rlimit small{64 << 10, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string one = error_text([&] { write_safetensors(path, {{"w", at::ones({1 << 16})}}); });
  const std::string sharded = error_text([&] {
    write_sharded_safetensors(folder.file("m"), {{"a", at::ones({1 << 10})}, {"b", at::ones({1 << 16})}}, 4096);
  });
  setrlimit(RLIMIT_FSIZE, &old);
  signal(SIGXFSZ, old_action);
  EXPECT_NE(one.find("cannot write the file"), std::string::npos) << one;
  EXPECT_NE(sharded.find("cannot write the file"), std::string::npos) << sharded;
  EXPECT_EQ(file_bytes(path), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 2);  // the file and the folder m
  EXPECT_TRUE(fs::is_empty(folder.file("m")));
}

TEST_F(Safetensors, ShardsHoldEveryTensorOnceAndStayBelowTheirSize) {
  std::vector<NamedTensor> tensors;
  for (int i = 0; i < 10; ++i)
    tensors.push_back({fmt::format("t{}", i), random_bits({100 + i}, at::kFloat, i + 1u)});
  tensors.push_back({"large", random_bits({1000}, at::kFloat, 99)});
  write_sharded_safetensors(folder.path(), tensors, 1000);
  const SafetensorsReader reader(folder.path());
  EXPECT_EQ(reader.tensors().size(), tensors.size());
  std::map<std::string, uint64_t> bytes, count;
  for (const auto& [name, tensor] : tensors) {
    EXPECT_TRUE(same_bits(reader.read(name), tensor)) << name;
    bytes[reader.tensors().at(name).file] += tensor.nbytes();
    ++count[reader.tensors().at(name).file];
  }
  EXPECT_EQ(bytes.size(), 6u);  // two of 400 bytes and more in each of five, and the large one
  for (const auto& [file, total] : bytes) EXPECT_TRUE(total <= 1000 || count[file] == 1) << file;
  EXPECT_TRUE(bytes.contains(folder.file("model-00001-of-00006.safetensors")));
  EXPECT_EQ(read_json_file(folder.file("model.safetensors.index.json"))["metadata"]["total_size"],
            4 * (1045 + 1000));
}

TEST_F(Safetensors, WhatFitsIsOneFileAndAnOlderModelIsNotReadInstead) {
  const std::vector<NamedTensor> tensors = {{"a", at::ones({4})}, {"b", at::zeros({4})}};
  write_sharded_safetensors(folder.path(), tensors, 16);
  EXPECT_FALSE(fs::exists(folder.file("model.safetensors")));
  write_sharded_safetensors(folder.path(), {{"a", at::full({4}, 2)}}, 16);
  EXPECT_FALSE(fs::exists(folder.file("model.safetensors.index.json")));
  EXPECT_EQ(SafetensorsReader(folder.path()).tensors().size(), 1u);
  write_sharded_safetensors(folder.path(), tensors, 16);
  EXPECT_FALSE(fs::exists(folder.file("model.safetensors")));
  EXPECT_TRUE(at::equal(SafetensorsReader(folder.path()).read("a"), at::ones({4})));
}

TEST_F(Safetensors, AnIndexMustTellTheTruth) {
  const std::vector<NamedTensor> tensors = {{"a", at::ones({4})}, {"b", at::zeros({4})}};
  write_sharded_safetensors(folder.path(), tensors, 16);
  const std::string index = folder.file("model.safetensors.index.json");
  const Json good = read_json_file(index);
  const auto error_with = [&](const char* tensor, const Json& shard) {
    Json bad = good;
    bad["weight_map"][tensor] = shard;
    write_file_atomically(index, bad.dump());
    return error_text([&] { SafetensorsReader reader(folder.path()); });
  };
  EXPECT_NE(error_with("a", "model-00002-of-00002.safetensors").find("tensor a is not in the shard"),
            std::string::npos);
  EXPECT_NE(error_with("ghost", "model-00001-of-00002.safetensors").find("tensor ghost is not"),
            std::string::npos);
  EXPECT_NE(error_with("a", "absent.safetensors").find("the shard is missing that tensor a"),
            std::string::npos);
  for (const char* escape : {"../x", "/etc/passwd", "..", ".", ""}) {
    EXPECT_NE(error_with("a", escape).find("not the name of a file beside the index"), std::string::npos)
        << escape;
  }
  EXPECT_NE(error_with("a", 5), "");
  write_file_atomically(index, "{}");
  EXPECT_NE(error_text([&] { SafetensorsReader reader(folder.path()); }).find("no weight_map"),
            std::string::npos);
}

TEST_F(Safetensors, ATensorInTwoShardsIsAnError) {
  write_safetensors(folder.file("1"), {{"a", at::ones({1})}, {"b", at::ones({1})}});
  write_safetensors(folder.file("2"), {{"b", at::ones({1})}});
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"1","b":"2"}})");
  const std::string error = error_text([&] { SafetensorsReader reader(folder.path()); });
  EXPECT_NE(error.find("tensor b is in"), std::string::npos) << error;
}

TEST_F(Safetensors, PlacesWithoutWeightsAreErrors) {
  EXPECT_NE(error_text([&] { SafetensorsReader reader(folder.path()); }).find("neither"), std::string::npos);
  EXPECT_NE(error_text([&] { SafetensorsReader reader(folder.file("no")); }).find("cannot open"),
            std::string::npos);
  EXPECT_NE(error_text([&] { SafetensorsReader reader("/dev/null"); }).find("not a regular file"),
            std::string::npos);
}

TEST_F(Safetensors, ARealModelReadsAndWritesBack) {
  GRPO_NEEDS_DATA(test_data("models/stories260K/model.safetensors"));
  const SafetensorsReader reader(test_data("models/stories260K"));
  EXPECT_EQ(reader.tensors().size(), 47u);
  EXPECT_EQ(reader.tensors().at("model.embed_tokens.weight").shape, (std::vector<int64_t>{512, 64}));
  // The embedding is the first array behind the seven integers of the original checkpoint.
  const std::string original = read_data(test_data("models/stories260K/stories260K.bin"));
  const at::Tensor embedding = reader.read("model.embed_tokens.weight");
  EXPECT_EQ(std::memcmp(embedding.data_ptr(), original.data() + 28, embedding.nbytes()), 0);

  std::vector<NamedTensor> tensors;
  for (const auto& [name, info] : reader.tensors()) tensors.push_back({name, reader.read(name)});
  write_sharded_safetensors(folder.path(), tensors, 300'000);
  const SafetensorsReader again(folder.path());
  for (const auto& [name, tensor] : tensors) EXPECT_TRUE(same_bits(again.read(name), tensor)) << name;
}

}  // namespace
}  // namespace grpo
