// How fast are texts encoded? Prints one JSON object: the median over several runs of MB/s on one core
// without and with the cache of words, and on all cores. benchmarks/tokenizer.py runs it beside Hugging Face
// tokenizers.
//
//   tokenizer TOKENIZER.json TEXTS.json [runs]      TEXTS.json: a list of strings, encoded one by one
//
// Without the cache every word is merged anew, however often it came before. The run that fills the cache is
// not timed.

#include "policy/io/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <thread>

#include "core/json.h"
#include "core/version.h"

namespace grpo {
namespace {

double clock_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

double median_seconds(int64_t runs, double (*now)(), const std::function<void()>& work) {
  work();
  std::vector<double> seconds;
  for (int64_t i = 0; i < runs; ++i) {
    const double start = now();
    work();
    seconds.push_back(now() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

using Encoded = std::vector<std::vector<int64_t>>;

Encoded encode_each(const Tokenizer& tokenizer, const std::vector<std::string>& texts) {
  Encoded ids;
  ids.reserve(texts.size());
  for (const std::string& text : texts) ids.push_back(tokenizer.encode(text, false));
  return ids;
}

// FNV-1a over all ids, each text ended by -1: equal where all ids are.
uint64_t checksum(const Encoded& encoded) {
  uint64_t hash = 14695981039346656037u;
  const auto add = [&](int64_t id) { hash = (hash ^ static_cast<uint64_t>(id)) * 1099511628211u; };
  for (const auto& ids : encoded) {
    for (const int64_t id : ids) add(id);
    add(-1);
  }
  return hash;
}

Json measure(const std::string& file, const std::string& texts_file, int64_t runs) {
  const Json texts_json = read_json_file(texts_file);
  const auto texts = texts_json.get<std::vector<std::string>>();
  double bytes = 0;
  for (const std::string& text : texts) bytes += static_cast<double>(text.size());

  const Json json = read_json_file(file);
  const double load = median_seconds(1, cpu_seconds, [&] { Tokenizer::from_json(json, file); });
  const Tokenizer tokenizer = Tokenizer::from_json(json, file);
  const Tokenizer cold = tokenizer.without_cache();
  Encoded cold_ids, ids, all_ids;
  const double cold_seconds = median_seconds(runs, cpu_seconds, [&] { cold_ids = encode_each(cold, texts); });
  const double cached_seconds =
      median_seconds(runs, cpu_seconds, [&] { ids = encode_each(tokenizer, texts); });
  const double all_seconds =
      median_seconds(runs, clock_seconds, [&] { all_ids = tokenizer.encode_all(texts, false); });
  if (cold_ids != ids || all_ids != ids) throw Error("the three ways to encode disagree", file);

  size_t count = 0;
  for (const auto& some : ids) count += some.size();
  const auto rate = [&](double seconds) { return bytes / seconds / 1e6; };
  return {{"version", kVersion},
          {"texts", texts.size()},
          {"bytes", bytes},
          {"ids", count},
          {"checksum", fmt::format("{:016x}", checksum(ids))},
          {"runs", runs},
          {"threads", std::thread::hardware_concurrency()},
          {"load_seconds_after_parsing", load},
          {"cold_mb_per_second", rate(cold_seconds)},
          {"cached_mb_per_second", rate(cached_seconds)},
          {"all_cores_mb_per_second", rate(all_seconds)}};
}

}  // namespace
}  // namespace grpo

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    fmt::print(stderr, "usage: tokenizer TOKENIZER.json TEXTS.json [runs]\n");
    return 2;
  }
  try {
    fmt::print("{}\n",
               grpo::measure(argv[1], argv[2], argc > 3 ? std::max(1, std::atoi(argv[3])) : 7).dump(2));
    return 0;
  } catch (const grpo::Error& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
