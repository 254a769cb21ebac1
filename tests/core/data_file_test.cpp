#include "core/data_file.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/temporary_folder.h"
#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

// The bytes of `text` as a gzip file.
std::string gzipped(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::vector<int> values_of_a(const std::vector<DataRow>& rows) {
  std::vector<int> values;
  for (const DataRow& row : rows) values.push_back(row.columns.at("a").get<int>());
  return values;
}

const std::vector<int> kOneTwo = {1, 2};
const std::string kLines = "{\"a\": 1}\n{\"a\": 2}\n";
const std::string kArray = "[{\"a\": 1},\n {\"a\": 2}]";

TEST(DataFile, ReadsTheSameRowsFromEveryKindOfFile) {
  TemporaryFolder folder;
  EXPECT_EQ(values_of_a(read_data_file(folder.write("d.jsonl", kLines))), kOneTwo);
  EXPECT_EQ(values_of_a(read_data_file(folder.write("d.json", kArray))), kOneTwo);
  EXPECT_EQ(values_of_a(read_data_file(folder.write("d.jsonl.gz", gzipped(kLines)))), kOneTwo);
  EXPECT_EQ(values_of_a(read_data_file(folder.write("d.json.gz", gzipped(kArray)))), kOneTwo);
}

TEST(DataFile, RowsKnowWhereTheyStand) {
  TemporaryFolder folder;
  const std::string lines = folder.write("d.jsonl", "{\"a\": 1}\n\n{\"a\": 2}\n");
  EXPECT_EQ(read_data_file(lines)[1].where, lines + ": line 3");
  const std::string array = folder.write("d.json", kArray);
  EXPECT_EQ(read_data_file(array)[1].where, array + ": row 2");
}

TEST(DataFile, AnObjectMayHoldTheListOfRows) {
  TemporaryFolder folder;
  const std::string path = folder.write("d.json", R"({"version": 3, "data": [{"a": 1}, {"a": 2}]})");
  EXPECT_EQ(values_of_a(read_data_file(path)), kOneTwo);
}

TEST(DataFile, AnObjectWithTwoListsOrNoneIsRefused) {
  TemporaryFolder folder;
  const std::string two = folder.write("two.json", R"({"train": [{"a": 1}], "test": [{"a": 2}]})");
  EXPECT_TRUE(holds(error_of([&] { read_data_file(two); }).summary(), "2 lists (train, test)"));
  const std::string none = folder.write("none.json", R"({"a": 1})");
  EXPECT_TRUE(holds(error_of([&] { read_data_file(none); }).summary(), "no list"));
}

TEST(DataFile, ByteOrderMarkCarriageReturnsAndAMissingLastNewlineDoNotMatter) {
  TemporaryFolder folder;
  const std::string path = folder.write("d.jsonl", "\xef\xbb\xbf{\"a\": 1}\r\n \t\r\n{\"a\": 2}");
  EXPECT_EQ(values_of_a(read_data_file(path)), kOneTwo);
}

TEST(DataFile, ColumnsAreWhatWasWritten) {
  TemporaryFolder folder;
  const auto rows = read_data_file(folder.write("d.jsonl", R"({"z": "h\u00e9", "a": [1, {"b": null}], "n": 2.50})"));
  EXPECT_EQ(rows[0].columns.dump(), "{\"z\":\"h\xc3\xa9\",\"a\":[1,{\"b\":null}],\"n\":2.5}");
}

TEST(DataFile, ABrokenLineIsNamedWithItsColumn) {
  TemporaryFolder folder;
  const std::string path = folder.write("d.jsonl", "{\"a\": 1}\n{\"a\": ]}\n");
  EXPECT_EQ(error_of([&] { read_data_file(path); }).where(), path + ": line 2, column 7");
}

TEST(DataFile, ABrokenLineOfAGzippedFileIsNamedToo) {
  TemporaryFolder folder;
  const std::string path = folder.write("d.jsonl.gz", gzipped("{\"a\": 1}\n{\"a\": 1} {\"a\": 2}\n"));
  EXPECT_TRUE(holds(error_of([&] { read_data_file(path); }).where(), path + ": line 2"));
}

TEST(DataFile, ABrokenDocumentIsNamedWithItsLine) {
  TemporaryFolder folder;
  const std::string path = folder.write("d.json", "[{\"a\": 1},\n {\"a\": }]");
  EXPECT_EQ(error_of([&] { read_data_file(path); }).where(), path + ": line 2, column 8");
}

TEST(DataFile, LinesInAFileNamedJsonAreAnErrorThatNamesTheOtherExtension) {
  TemporaryFolder folder;
  const std::string path = folder.write("d.json", kLines);
  EXPECT_TRUE(holds(error_of([&] { read_data_file(path); }).fix(), ".jsonl"));
}

TEST(DataFile, RowsThatAreNotObjectsAreNamed) {
  TemporaryFolder folder;
  const std::string lines = folder.write("d.jsonl", "{\"a\": 1}\n[2]\n");
  const Error in_lines = error_of([&] { read_data_file(lines); });
  EXPECT_EQ(in_lines.where(), lines + ": line 2");
  EXPECT_TRUE(holds(in_lines.summary(), "found array"));
  const std::string array = folder.write("d.json", "[{\"a\": 1}, \"x\"]");
  EXPECT_EQ(error_of([&] { read_data_file(array); }).where(), array + ": row 2");
}

TEST(DataFile, BytesThatAreNotUtf8AndKeysGivenTwiceAreErrors) {
  TemporaryFolder folder;
  const std::string bytes = folder.write("u.jsonl", "{\"a\": 1}\n{\"a\": \"\xff\xfe\"}\n");
  EXPECT_TRUE(holds(error_of([&] { read_data_file(bytes); }).where(), bytes + ": line 2"));
  const std::string twice = folder.write("t.jsonl", "{\"a\": 1}\n{\"a\": 1, \"a\": 2}\n");
  const Error error = error_of([&] { read_data_file(twice); });
  EXPECT_TRUE(holds(error.where(), twice + ": line 2"));
  EXPECT_TRUE(holds(error.summary(), "\"a\" is given twice"));
}

TEST(DataFile, NoRowsIsAnError) {
  TemporaryFolder folder;
  for (const char* text : {"", "\n\n"}) {
    const std::string path = folder.write("d.jsonl", text);
    EXPECT_TRUE(holds(error_of([&] { read_data_file(path); }).summary(), "no rows"));
  }
  EXPECT_THROW(read_data_file(folder.write("d.json", "[]")), Error);
  EXPECT_THROW(read_data_file(folder.write("e.json", "{\"data\": []}")), Error);
  EXPECT_THROW(read_data_file(folder.write("d.jsonl.gz", gzipped(""))), Error);
}

TEST(DataFile, ATruncatedGzipFileIsAnErrorAndNeverAShorterDataSet) {
  TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "{\"a\": " + std::to_string(i * 7919 % 10007) + "}\n";
  const std::string whole = gzipped(text);
  for (const size_t cut : {whole.size() - 1, whole.size() - 8, whole.size() / 2, size_t{30}}) {
    const std::string path = folder.write("d.jsonl.gz", whole.substr(0, cut));
    EXPECT_TRUE(holds(error_of([&] { read_data_file(path); }).summary(), "cannot read data file")) << cut;
  }
}

TEST(DataFile, ACorruptGzipFileIsAnError) {
  TemporaryFolder folder;
  std::string bytes = gzipped(kLines);
  bytes[bytes.size() - 6] ^= 1;  // the checksum
  const std::string path = folder.write("d.jsonl.gz", bytes);
  EXPECT_TRUE(holds(error_of([&] { read_data_file(path); }).summary(), "cannot read data file"));
}

TEST(DataFile, MissingFilesFoldersAndOtherExtensionsAreErrorsThatNameThePath) {
  TemporaryFolder folder;
  const Error missing = error_of([&] { read_data_file(folder.file("absent.jsonl")); });
  EXPECT_EQ(missing.where(), folder.file("absent.jsonl"));
  EXPECT_TRUE(holds(missing.summary(), "No such file"));
  std::filesystem::create_directory(folder.file("folder.json"));
  EXPECT_THROW(read_data_file(folder.file("folder.json")), Error);
  const Error other = error_of([&] { read_data_file(folder.write("d.csv", "a\n1\n")); });
  EXPECT_TRUE(holds(other.fix(), ".jsonl.gz"));
}

TEST(DataFile, ReadsPublishedSetsAsTheyAre) {
  const std::string gsm8k = test_data("math/gsm8k_train.jsonl.gz");
  GRPO_NEEDS_DATA(gsm8k);
  const auto rows = read_data_file(gsm8k);
  EXPECT_EQ(rows.size(), 7473u);
  for (const DataRow& row : rows) ASSERT_TRUE(row.columns.at("question").is_string()) << row.where;
  EXPECT_EQ(read_data_file(test_data("math/gsm8k_test.jsonl")).size(), 1319u);
  EXPECT_EQ(read_data_file(test_data("math/math_testset_annotation.json.gz")).size(), 5000u);
}

}  // namespace
}  // namespace grpo
