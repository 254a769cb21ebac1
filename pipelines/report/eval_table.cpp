#include "pipelines/report/eval_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "pipelines/report/json_lines.h"

namespace grpo {
namespace {

constexpr int kDepthMax = 6;

bool higher_is_better(const std::string& metric) {
  return metric == "accuracy" || metric.starts_with("pass@") || metric.starts_with("maj@") || metric.starts_with("cons@");
}

// One name for what is called differently in metrics.jsonl, manifests and results.
std::string plain_metric(std::string name) {
  if (name.starts_with("eval_")) name = name.substr(5);
  if (name == "pass@1") return "accuracy";
  if (name == "pass@1_stderr") return "accuracy_stderr";
  if (name == "mean_length") return "completions/mean_length";
  if (name == "clipped_ratio" || name == "truncation_rate") return "completions/clipped_ratio";
  return name;
}

// What describes an evaluation and is no result.
bool is_setting(const std::string& metric) {
  static const std::set<std::string> settings = {"step",   "num_problems", "num_samples", "k",   "seed",
                                                 "top_p",  "temperature",  "max_tokens",  "n",   "seconds",
                                                 "top_k",  "max_completion_length"};
  return settings.contains(metric);
}

std::string first_string(const Json& object, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (auto value = string_in(object, key)) return *value;
  }
  return "";
}

bool is_evaluation(const Json& value) {
  return number_in(value, "accuracy") || number_in(value, "eval_accuracy") || number_in(value, "pass@1");
}

void collect(const Json& value, const std::string& set, const std::string& model, int depth,
             std::vector<FoundEvaluation>& found) {
  static const std::set<std::string> containers = {"sets", "results", "metrics", "eval", "evaluations", "models"};
  if (depth > kDepthMax) return;
  if (value.is_array()) {
    for (const Json& item : value) collect(item, set, model, depth + 1, found);
    return;
  }
  if (!value.is_object()) return;
  // The outermost object is about the stage.
  const std::string named = depth == 0 ? "" : first_string(value, {"set", "name", "data"});
  const std::string of = first_string(value, {"model", "checkpoint", "stage"});
  const std::string& own_set = named.empty() ? set : named;
  const std::string& own_model = of.empty() || depth == 0 ? model : of;
  if (is_evaluation(value)) {
    FoundEvaluation entry;
    entry.evaluation.set = own_set;
    entry.model = own_model;
    entry.evaluation.step = integer_in(value, "step").value_or(0);
    for (const auto& [key, item] : value.items()) {
      if (const auto number = number_in(value, key)) entry.evaluation.values[plain_metric(key)] = *number;
    }
    found.push_back(std::move(entry));
    return;
  }
  for (const auto& [key, item] : value.items()) {
    collect(item, containers.contains(key) ? own_set : key, own_model, depth + 1, found);
  }
}

std::string label_of(const std::string& metric, const std::string& k) {
  if (metric == "completions/mean_length") return "mean length, tokens";
  if (metric == "completions/clipped_ratio") return "cut off at the limit";
  if (metric == "num_unjudged") return "samples not judged";
  if (metric.ends_with("@k") && !k.empty()) return metric.substr(0, metric.size() - 1) + k;
  return metric;
}

// Rows in this order, the others behind them; of pass@2, pass@4, ... by k.
std::pair<size_t, int64_t> rank_of(const std::string& metric) {
  static const std::vector<std::string> order = {"accuracy", "pass",  "maj", "cons", "reward", "completions/mean_length",
                                                 "completions/clipped_ratio"};
  const size_t at = metric.find('@');
  const std::string k = at == std::string::npos ? "" : metric.substr(at + 1);
  const bool number = !k.empty() && k.size() <= 9 && std::all_of(k.begin(), k.end(), [](char c) { return c >= '0' && c <= '9'; });
  return {std::find(order.begin(), order.end(), metric.substr(0, at)) - order.begin(), number ? std::stoll(k) : 0};
}

std::string setting_text(const std::string& key, const Json& value) {
  const std::string text = value.is_string() ? value.get<std::string>()
                                             : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (key == "num_problems") return text + " problems";
  if (key == "num_samples") return text + " samples each";
  if (key == "max_completion_length" || key == "max_tokens") return "at most " + text + " tokens";
  return key + " " + text;
}

// How a recipe's "eval" samples.
std::string protocol_of(const Json& eval) {
  std::string text;
  if (!eval.is_object()) return text;
  for (const auto& [key, value] : eval.items()) {
    if (key == "steps" || value.is_structured() || value.is_null()) continue;
    text += (text.empty() ? "" : ", ") + setting_text(key, value);
  }
  return text;
}

// How an evaluation was sampled, where it says so itself.
std::string own_protocol(const std::map<std::string, double>& values) {
  Json said = Json::object();
  for (const char* key : {"num_problems", "num_samples", "temperature", "top_p", "max_completion_length"}) {
    const auto found = values.find(key);
    if (found == values.end()) continue;
    const bool whole = found->second == std::floor(found->second) && std::abs(found->second) < 1e15;
    said[key] = whole ? Json(static_cast<int64_t>(found->second)) : Json(found->second);
  }
  return said.contains("temperature") ? protocol_of(said) : "";
}

class TableMaker {
 public:
  explicit TableMaker(const RunRecord& run) : run_(run) {}

  EvalTable make() {
    for (const StageRecord& stage : run_.stages) {
      // A reward model's accuracy is on pairs of answers, and it is no checkpoint of the policy.
      if (stage.type != "reward_model") add_stage(stage);
    }
    order_columns();
    for (EvalSet& set : table_.sets) finish(set);
    return std::move(table_);
  }

 private:
  void add_stage(const StageRecord& stage) {
    Json eval = stage_option(run_, stage, "eval");
    // An eval stage may say it in keys of its own.
    for (const char* key : {"num_problems", "num_samples", "temperature", "top_p", "max_completion_length"}) {
      const Json& own = value_in(stage.recipe, key);
      if (stage.type != "eval" || own.is_null()) continue;
      if (!eval.is_object()) eval = Json::object();
      eval[key] = own;
    }
    const auto add = [&](const EvalPoint& evaluation, const std::string& column, bool replace) {
      const Json data = value_in(stage_option(run_, stage, "data"), "eval");
      const std::string own = data.is_null() ? "evaluation set" : describe_data(data);
      const Json& samples = value_in(eval, "num_samples");
      const std::string said = own_protocol(evaluation.values);
      add_evaluation(evaluation, column, evaluation.set.empty() ? own : evaluation.set, said.empty() ? protocol_of(eval) : said,
                     samples.is_number_integer() ? samples.dump() : "", replace);
    };
    if (stage.type == "eval" || !stage.results.is_null()) {
      for (const Json* source : {&stage.results, &value_in(stage.manifest, "eval"), &value_in(stage.manifest, "metrics")}) {
        const auto found = find_evaluations(*source);
        for (const FoundEvaluation& entry : found) add(entry.evaluation, entry.model.empty() ? stage.from : entry.model, true);
        if (!found.empty()) break;
      }
      return;
    }
    if (!stage.metrics.last_eval.empty()) {
      for (const EvalPoint& first : stage.metrics.first_eval) {
        if (first.step == 0) add(first, stage.from, false);
      }
      for (const EvalPoint& last : stage.metrics.last_eval) {
        if (last.step > 0) add(last, stage.name, true);
      }
      return;
    }
    for (const FoundEvaluation& entry : find_evaluations(value_in(stage.manifest, "eval"))) {
      const bool before = entry.evaluation.step == 0 && stage.steps > 0;
      add(entry.evaluation, before ? stage.from : stage.name, !before);
    }
  }

  void add_evaluation(const EvalPoint& evaluation, const std::string& column, const std::string& name,
                      const std::string& protocol, const std::string& k, bool replace) {
    const auto set = std::find_if(table_.sets.begin(), table_.sets.end(), [&](const EvalSet& known) {
      return known.name == name && known.protocol == protocol;
    });
    EvalSet& into = set == table_.sets.end() ? table_.sets.emplace_back(EvalSet{name, protocol, {}}) : *set;
    const size_t index = column_index(column);
    for (const auto& [raw, value] : evaluation.values) {
      const std::string metric = plain_metric(raw);
      if (metric.ends_with("_stderr") || is_setting(metric)) continue;
      EvalRow& row = row_of(into, metric, k);
      if (row.cells.contains(index) && !replace) continue;
      EvalCell cell{value, std::nullopt, false};
      for (const std::string& error : {raw + "_stderr", metric + "_stderr"}) {
        const auto found = evaluation.values.find(error);
        if (found != evaluation.values.end()) cell.error = found->second;
      }
      row.cells[index] = cell;
    }
  }

  size_t column_index(const std::string& column) {
    const auto found = std::find(table_.columns.begin(), table_.columns.end(), column);
    if (found != table_.columns.end()) return found - table_.columns.begin();
    table_.columns.push_back(column);
    return table_.columns.size() - 1;
  }

  static EvalRow& row_of(EvalSet& set, const std::string& metric, const std::string& k) {
    for (EvalRow& row : set.rows) {
      if (row.metric == metric) return row;
    }
    set.rows.push_back({metric, label_of(metric, k), {}});
    return set.rows.back();
  }

  // "base" and models from elsewhere first, then stages as they ran.
  void order_columns() {
    const auto place = [&](const std::string& column) {
      for (size_t i = 0; i < run_.stages.size(); ++i) {
        if (run_.stages[i].name == column) return static_cast<int64_t>(i);
      }
      return int64_t{-1};
    };
    std::vector<size_t> order(table_.columns.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return place(table_.columns[a]) < place(table_.columns[b]);
    });
    std::vector<std::string> columns;
    std::vector<size_t> new_index(order.size());
    for (size_t i = 0; i < order.size(); ++i) {
      columns.push_back(table_.columns[order[i]]);
      new_index[order[i]] = i;
    }
    table_.columns = std::move(columns);
    for (EvalSet& set : table_.sets) {
      for (EvalRow& row : set.rows) {
        std::map<size_t, EvalCell> cells;
        for (const auto& [column, cell] : row.cells) cells[new_index[column]] = cell;
        row.cells = std::move(cells);
      }
    }
  }

  // Drops rows that say nothing, sorts the rest, marks the best.
  static void finish(EvalSet& set) {
    const auto accuracy = std::find_if(set.rows.begin(), set.rows.end(), [](const EvalRow& r) { return r.metric == "accuracy"; });
    const EvalRow reference = accuracy == set.rows.end() ? EvalRow{} : *accuracy;
    const auto says_nothing = [&](const EvalRow& row) {
      if (row.metric == "num_unjudged") {
        return std::all_of(row.cells.begin(), row.cells.end(), [](const auto& c) { return c.second.value == 0; });
      }
      if (row.metric != "pass@k" && row.metric != "maj@k" && row.metric != "cons@k") return false;
      // One sample per problem.
      return std::all_of(row.cells.begin(), row.cells.end(), [&](const auto& cell) {
        const auto same = reference.cells.find(cell.first);
        return same != reference.cells.end() && same->second.value == cell.second.value;
      });
    };
    std::erase_if(set.rows, says_nothing);
    std::stable_sort(set.rows.begin(), set.rows.end(),
                     [](const EvalRow& a, const EvalRow& b) { return rank_of(a.metric) < rank_of(b.metric); });
    for (EvalRow& row : set.rows) {
      if (!higher_is_better(row.metric) || row.cells.empty()) continue;
      const auto [low, high] = std::minmax_element(row.cells.begin(), row.cells.end(), [](const auto& a, const auto& b) {
        return a.second.value < b.second.value;
      });
      const double best = high->second.value;
      if (low->second.value == best) continue;
      for (auto& [column, cell] : row.cells) cell.best = cell.value == best;
    }
  }

  const RunRecord& run_;
  EvalTable table_;
};

}  // namespace

std::vector<FoundEvaluation> find_evaluations(const Json& value) {
  std::vector<FoundEvaluation> found;
  collect(value, "", "", 0, found);
  return found;
}

std::string describe_data(const Json& data) {
  if (data.is_string()) {
    const auto path = data.get<std::string>();
    const size_t slash = path.find_last_of('/');
    return slash == std::string::npos || slash + 1 == path.size() ? path : path.substr(slash + 1);
  }
  if (data.is_array()) {
    std::string text;
    for (const Json& entry : data) text += (text.empty() ? "" : " + ") + describe_data(entry);
    return text;
  }
  if (!data.is_object()) return data.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string name = first_string(data, {"name", "generator", "path", "file", "stage"});
  std::string rest;
  for (const auto& [key, value] : data.items()) {
    if (key == "name" || key == "generator" || value.is_structured()) continue;
    if (value.is_string() && value.get<std::string>() == name) continue;
    rest += (rest.empty() ? "" : ", ") + key + " " +
            (value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  if (name.empty()) name = "data";
  return rest.empty() ? name : name + " (" + rest + ")";
}

EvalTable make_eval_table(const RunRecord& run) { return TableMaker(run).make(); }

}  // namespace grpo
