#include "pipelines/keep_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "pipelines/curriculum.h"
#include "pipelines/readability.h"

namespace grpo {
namespace {

// The label's score of an episode; null if the rubric has no such label.
const Score* score_of_label(const Rubric& rubric, const Episode& episode, const std::string& label) {
  for (size_t i = 0; i < rubric.items.size() && i < episode.scores.size(); ++i) {
    if (rubric.items[i].label == label) return &episode.scores[i];
  }
  return nullptr;
}

std::map<std::string, double> read_require(ObjectReader& reader, const Rubric& rubric) {
  std::vector<std::string> labels;
  for (const RubricItem& item : rubric.items) labels.push_back(item.label);
  if (!reader.has("require")) return {{labels.front(), 1.0}};
  ObjectReader r = reader.object("require");
  std::map<std::string, double> require;
  for (const std::string& label : labels) {
    if (r.has(label)) require[label] = r.number(label, 1.0);
  }
  r.finish();
  return require;
}

std::optional<NearDuplicateOptions> read_near_duplicates(ObjectReader& reader) {
  if (!reader.has("near_duplicates")) return std::nullopt;
  ObjectReader r = reader.object("near_duplicates");
  NearDuplicateOptions options;
  options.ngram_size = r.integer("ngram_size", options.ngram_size, {.min = 1, .max = 1000});
  options.threshold = r.number("threshold", *options.threshold, {.min = 0.0, .max = 1.0, .min_exclusive = true});
  r.finish();
  return options;
}

std::string unreadable_for(const KeepRules& rules, const std::string& completion) {
  const bool any = rules.max_paragraph_chars > 0 || !rules.code_in_think || rules.max_repeated_ngrams < 1.0 || rules.summary;
  if (!any) return "";
  const Readability seen = readability_of(completion);
  if (rules.max_paragraph_chars > 0 && seen.longest_thought_paragraph > rules.max_paragraph_chars) return "long paragraph";
  if (!rules.code_in_think && seen.code_blocks_in_thought > 0) return "code in think";
  if (seen.repeated > rules.max_repeated_ngrams) return "repeated n-grams";
  return rules.summary && seen.summary_empty ? "no summary" : "";
}

}  // namespace

KeepRules read_keep_rules(ObjectReader& r, const Rubric& rubric) {
  KeepRules rules;
  rules.require = read_require(r, rubric);
  rules.max_paragraph_chars = r.integer("max_paragraph_chars", 0, {.min = 0});
  rules.code_in_think = r.boolean("code_in_think", true);
  rules.max_repeated_ngrams = r.number("max_repeated_ngrams", 1.0, {.min = 0.0, .max = 1.0});
  rules.summary = r.boolean("summary", false);
  rules.max_per_problem = r.integer("max_per_problem", 0, {.min = 0});
  rules.prefer = r.choice("prefer", {"first", "shortest", "longest"}, "first");
  if (r.has("prefer") && rules.max_per_problem == 0) {
    r.fail("prefer", "without effect: all samples of a problem are kept", "set max_per_problem, or remove it");
  }
  rules.pass_rate_min = r.number("pass_rate_min", 0.0, {.min = 0.0, .max = 1.0});
  rules.pass_rate_max = r.number("pass_rate_max", 1.0, {.min = 0.0, .max = 1.0});
  if (rules.pass_rate_min > rules.pass_rate_max) {
    r.fail("pass_rate_min", "larger than pass_rate_max: nothing would be kept", "exchange them");
  }
  rules.deduplicate = r.boolean("deduplicate", true);
  rules.near_duplicates = read_near_duplicates(r);
  rules.max_samples = r.integer("max_samples", 0, {.min = 0});
  r.finish();
  return rules;
}

std::string dropped_for(const KeepRules& rules, const Rubric& rubric, const Episode& episode) {
  if (episode.finish_reason == FinishReason::kError) return "no completion";
  if (truncated(episode)) return "cut off";
  for (const auto& [label, least] : rules.require) {
    const Score* score = score_of_label(rubric, episode, label);
    if (score == nullptr || !score->value || *score->value < least) return label;
  }
  return unreadable_for(rules, episode.completion);
}

KeptSamples choose_samples(const KeepRules& rules, const Rubric& rubric, const Group& group) {
  KeptSamples out;
  out.pass_rate = pass_rates({group}).front();
  for (size_t e = 0; e < group.episodes.size(); ++e) {
    const std::string reason = dropped_for(rules, rubric, group.episodes[e]);
    if (reason.empty()) {
      out.kept.push_back(e);
    } else {
      ++out.dropped[reason];
    }
  }
  const bool rate_counts = rules.pass_rate_min > 0.0 || rules.pass_rate_max < 1.0;
  if (rate_counts && (!out.pass_rate || *out.pass_rate < rules.pass_rate_min || *out.pass_rate > rules.pass_rate_max)) {
    if (!out.kept.empty()) out.dropped["pass rate"] = static_cast<int64_t>(out.kept.size());
    out.kept.clear();
  }
  if (rules.prefer != "first") {
    const bool shortest = rules.prefer == "shortest";
    std::stable_sort(out.kept.begin(), out.kept.end(), [&](size_t a, size_t b) {
      const size_t length_a = group.episodes[a].completion_ids.size(), length_b = group.episodes[b].completion_ids.size();
      return shortest ? length_a < length_b : length_a > length_b;
    });
  }
  const auto most = static_cast<size_t>(rules.max_per_problem);
  if (most > 0 && out.kept.size() > most) {
    out.dropped["per problem"] = static_cast<int64_t>(out.kept.size() - most);
    out.kept.resize(most);
  }
  return out;
}

}  // namespace grpo
