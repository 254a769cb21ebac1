#include "pipelines/reward_model_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/seed.h"
#include "pipelines/problems/generator.h"
#include "pipelines/prompt_template.h"

namespace grpo {
namespace {

constexpr uint64_t kOrderStream = 0x726d6f72, kSplitStream = 0x726d7370, kPairStream = 0x70616972;

std::vector<std::string> read_paths(ObjectReader& r, const std::string& key, Json& generator) {
  if (r.raw(key).is_object()) {
    generator = r.raw(key);
    return {};
  }
  if (r.raw(key).is_string()) return {r.string(key)};
  return r.strings(key, {});
}

// The keys of the template, read by whoever reads them for every stage.
DataOptions read_template(ObjectReader& r, const std::string& file, const std::string& path) {
  Json keys = {{"train", "-"}};
  for (const char* key : {"template", "system", "answer_prefix", "chat_template_kwargs", "template_date"}) {
    if (const Json& value = r.raw(key); !value.is_null()) keys[key] = value;
  }
  return read_data_options(keys, file, path, DataUse::kTrainSft);
}

// Pairs that a generator makes.
std::vector<PreferenceRow> generated_rows(Json options, const std::string& where, uint64_t seed, PreferenceCounts& counts) {
  ObjectReader r(options, where);
  r.allow_unknown();
  const std::string name = r.string("generator");
  const int64_t count = r.integer("num_samples", {.min = 1});
  for (const char* key : {"generator", "num_samples"}) options.erase(key);
  const Generator generator = make_generator(name, options, where);
  std::vector<PreferenceRow> rows;
  for (int64_t i = 0; i < count; ++i) {
    GeneratedProblem problem = generator.generate(derive_seed({seed, kPairStream}), i);
    PreferenceRow row;
    row.prompt = problem.question;
    row.chosen = std::move(problem.worked_solution);
    row.rejected = std::move(problem.direct_solution);
    row.where = fmt::format("{}: pair {}", where, i);
    rows.push_back(std::move(row));
  }
  counts.rows += count;
  return rows;
}

// The same for the same text on every machine (FNV-1a).
uint64_t text_hash(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

double mean(const std::vector<AnswerLengths>& lengths, int64_t AnswerLengths::*field) {
  double sum = 0;
  for (const AnswerLengths& l : lengths) sum += static_cast<double>(l.*field);
  return lengths.empty() ? 0.0 : sum / static_cast<double>(lengths.size());
}

}  // namespace

RewardDataOptions read_reward_data_options(const Json& data, const std::string& file, const std::string& path) {
  ObjectReader r(data, file, path);
  RewardDataOptions o;
  o.where = r.where();
  o.train = read_paths(r, "train", o.train_generator);
  o.eval = read_paths(r, "eval", o.eval_generator);
  if (o.train.empty() && o.train_generator.is_null()) r.fail("train", "there is nothing to learn from", "give a .jsonl or .json file of preferences");
  o.eval_fraction = r.number("eval_fraction", 0.0, {.min = 0.0, .max = 0.9});
  if (o.eval_fraction > 0.0 && !(o.eval.empty() && o.eval_generator.is_null())) r.fail("eval_fraction", "\"eval\" is held out already", "leave out one of them");
  if (r.has("columns")) {
    ObjectReader columns = r.object("columns");
    o.columns = read_preference_columns(columns);
    columns.finish();
  }
  o.prompts = read_template(r, file, path);
  if (r.has("min_score_difference")) o.min_score_difference = r.number("min_score_difference", {.min = 0.0});
  else r.raw("min_score_difference");
  o.balance_lengths = r.boolean("balance_lengths", false);
  r.finish();
  return o;
}

int64_t end_token(const CheckpointFiles& files) {
  return files.config.eos_token_ids.empty() ? files.eos_token_ids.at(0) : files.config.eos_token_ids.front();
}

std::vector<PreferenceRow> RewardModelData::read(const std::vector<std::string>& paths, const Json& generator,
                                                 const RewardDataOptions& options) {
  std::vector<PreferenceRow> rows;
  PreferenceCounts counts;
  if (!generator.is_null()) rows = generated_rows(generator, options.where, seed_, counts);
  int64_t too_close = 0;
  for (const std::string& path : paths) {
    auto more = read_preference_rows(path, options.columns, options.prompts.prompt_template == "chat", counts);
    too_close += static_cast<int64_t>(std::erase_if(more, [&](const PreferenceRow& row) {
      return options.min_score_difference && row.score_difference && !(*row.score_difference > *options.min_score_difference);
    }));
    if (!rows.empty() && !more.empty() && rows.front().rejected.has_value() != more.front().rejected.has_value()) {
      throw Error("one file holds pairs of answers and another single ones", options.where + ".train", "train one model of each");
    }
    rows.insert(rows.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  for (const auto& [key, count] : {std::pair("rows", counts.rows), std::pair("ties", counts.ties),
                                   std::pair("two_prompts", counts.two_prompts), std::pair("too_close", too_close)}) {
    report_[key] = report_.value(key, int64_t{0}) + count;
  }
  return rows;
}

RewardModelData::Encoded RewardModelData::encode(const std::vector<PreferenceRow>& rows, const RewardDataOptions& options,
                                                 const CheckpointFiles& files, int64_t max_length) {
  const PromptTemplate prompts(options.prompts, files.chat_template);
  std::vector<std::string> questions, answers;
  for (const PreferenceRow& row : rows) {
    const PromptText prompt = prompts.apply(row.prompt, row.where);
    const auto add = [&](std::string answer) {
      if (answer.starts_with(prompt.completion_prefix)) answer.erase(0, prompt.completion_prefix.size());
      answers.push_back(std::move(answer));
    };
    questions.push_back(prompt.text);
    add(row.chosen);
    if (row.rejected) add(*row.rejected);
  }
  const auto question_ids = files.tokenizer->encode_all(questions, prompts.adds_special_tokens());
  const auto answer_ids = files.tokenizer->encode_all(answers, false);
  Encoded out;
  size_t next = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto sequence = [&] {
      std::vector<int64_t> ids = question_ids[i];
      ids.insert(ids.end(), answer_ids[next].begin(), answer_ids[next].end());
      ids.push_back(end_token(files));
      return ids;
    };
    AnswerLengths lengths;
    lengths.chosen = static_cast<int64_t>(answer_ids[next].size());
    std::vector<int64_t> chosen = sequence(), rejected;
    ++next;
    size_t longest = chosen.size();
    if (rows[i].rejected) {
      lengths.rejected = static_cast<int64_t>(answer_ids[next].size());
      rejected = sequence();
      ++next;
      longest = std::max(longest, rejected.size());
    }
    if (static_cast<int64_t>(longest) > max_length) {
      report_["too_long"] = report_.value("too_long", int64_t{0}) + 1;
      continue;
    }
    if (rows[i].rejected) {
      out.samples.emplace_back(RewardPair{std::move(chosen), std::move(rejected), rows[i].margin});
    } else {
      lengths.good = *rows[i].label > 0.5;
      out.samples.emplace_back(RewardPoint{std::move(chosen), *rows[i].label});
    }
    out.lengths.push_back(lengths);
  }
  return out;
}

void RewardModelData::balance(Encoded& encoded) {
  const std::vector<size_t> kept = length_balanced(encoded.lengths);
  report_["unbalanced"] = encoded.samples.size() - kept.size();
  Encoded out;
  for (const size_t i : kept) {
    out.samples.push_back(std::move(encoded.samples[i]));
    out.lengths.push_back(encoded.lengths[i]);
  }
  encoded = std::move(out);
}

void RewardModelData::describe(const Encoded& train, const Encoded& held_out) {
  report_["train"] = train.samples.size();
  report_["held_out"] = held_out.samples.size();
  Json tokens = {{pairs() ? "chosen" : "answer", mean(train.lengths, &AnswerLengths::chosen)}};
  if (pairs()) tokens["rejected"] = mean(train.lengths, &AnswerLengths::rejected);
  report_["mean_tokens"] = tokens;
  const LengthRule rule = best_length_rule(train.lengths);
  Json baseline = {{"rule", rule.text()}, {"train_accuracy", length_accuracy(rule, train.lengths)}};
  if (!held_out.lengths.empty()) baseline["held_out_accuracy"] = length_accuracy(rule, held_out.lengths);
  report_["length_baseline"] = baseline;
}

RewardModelData::RewardModelData(const RewardDataOptions& options, const CheckpointFiles& files, int64_t max_length,
                                 uint64_t seed)
    : seed_(seed) {
  std::vector<PreferenceRow> rows = read(options.train, options.train_generator, options), kept_out;
  const bool has_eval = !options.eval.empty() || !options.eval_generator.is_null();
  if (has_eval) kept_out = read(options.eval, options.eval_generator, options);
  if (options.eval_fraction > 0.0) {
    const auto is_kept_out = [&](const PreferenceRow& row) {
      return uniform_at(derive_seed({seed, kSplitStream, text_hash(row.prompt.dump())}), 0) < options.eval_fraction;
    };
    const auto split = std::stable_partition(rows.begin(), rows.end(), [&](const auto& row) { return !is_kept_out(row); });
    kept_out.assign(std::make_move_iterator(split), std::make_move_iterator(rows.end()));
    rows.erase(split, rows.end());
  }
  Encoded train = encode(rows, options, files, max_length), held_out = encode(kept_out, options, files, max_length);
  if (options.balance_lengths && !train.lengths.empty()) {
    if (!train.lengths.front().pair()) {
      throw Error("single answers have no lengths to balance", options.where + ".balance_lengths", "remove it");
    }
    balance(train);
  }
  const bool wants_eval = has_eval || options.eval_fraction > 0.0;
  if (train.samples.empty() || (wants_eval && held_out.samples.empty())) {
    throw Error(fmt::format("no row is left {}: {}", train.samples.empty() ? "to learn from" : "to hold out", report_.dump()),
                options.where, "raise max_length, or filter less");
  }
  if (!held_out.lengths.empty() && held_out.lengths.front().pair() != train.lengths.front().pair()) {
    throw Error("what is held out are pairs and what is learnt from are not, or the reverse", options.where + ".eval", "");
  }
  train_lengths_ = train.lengths;
  describe(train, held_out);
  train_ = std::move(train.samples);
  held_out_ = std::move(held_out.samples);
}

const RewardSample& RewardModelData::draw(int64_t n) {
  if (epoch_ != n / size()) {
    epoch_ = n / size();
    order_.resize(train_.size());
    std::iota(order_.begin(), order_.end(), 0);
    Stream(derive_seed({seed_, kOrderStream, static_cast<uint64_t>(epoch_)})).shuffle(order_);
  }
  return train_[static_cast<size_t>(order_[static_cast<size_t>(n % size())])];
}

std::vector<int64_t> RewardModelData::largest(size_t count) const {
  std::vector<int64_t> lengths;
  for (const RewardSample& sample : train_) lengths.push_back(num_tokens(sample));
  std::sort(lengths.rbegin(), lengths.rend());
  lengths.resize(std::min(count, lengths.size()));
  return lengths;
}

}  // namespace grpo
