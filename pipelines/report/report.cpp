#include "pipelines/report/report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>

#include "core/file.h"
#include "pipelines/report/chart.h"
#include "pipelines/report/eval_table.h"
#include "pipelines/report/page_script.h"
#include "pipelines/report/page_style.h"
#include "pipelines/report/pipeline_graph.h"
#include "pipelines/report/stage_section.h"

namespace grpo {
namespace {

// "sha256-..." as a content security policy wants it.
std::string policy_hash(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  unsigned char base64[4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1];
  EVP_EncodeBlock(base64, digest, static_cast<int>(size));
  return fmt::format("sha256-{}", reinterpret_cast<const char*>(base64));
}

std::string time_text(int64_t seconds) {
  std::tm utc{};
  const std::time_t when = seconds;
  if (gmtime_r(&when, &utc) == nullptr) return "";
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", utc);
}

Html head_html(const RunRecord& run) {
  Html html;
  html << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; base-uri 'none'; "
          "form-action 'none'; style-src '"
       << Text{policy_hash(kPageStyle)} << "'; script-src '" << Text{policy_hash(kPageScript)}
       << "'\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
          "<meta name=\"referrer\" content=\"no-referrer\"><link rel=\"icon\" href=\"data:,\"><title>"
       << Text{run.name} << " \xC2\xB7 grpo report</title><style>" << Markup(kPageStyle) << "</style></head>";
  return html;
}

void add_tile(Html& html, const std::string& value, const std::string& label) {
  if (!value.empty()) html << "<div class=\"tile\"><b>" << Text{value} << "</b><span>" << Text{label} << "</span></div>";
}

// The best model on the first set, and what the run started from.
void add_accuracy_tile(Html& html, const EvalTable& table) {
  if (table.sets.empty()) return;
  for (const EvalRow& row : table.sets.front().rows) {
    if (row.metric != "accuracy" || row.cells.empty()) continue;
    const auto best = std::max_element(row.cells.begin(), row.cells.end(), [](const auto& a, const auto& b) {
      return a.second.value < b.second.value;
    });
    const auto& first = *row.cells.begin();
    std::string label = "best accuracy: " + table.columns[best->first];
    if (first.first != best->first) label += fmt::format(" ({} {:.3f})", table.columns[first.first], first.second.value);
    add_tile(html, fmt::format("{:.3f}", best->second.value), label);
  }
}

Html header_html(const RunRecord& run, const EvalTable& table) {
  Html html;
  html << "<header><h1>" << Text{run.name} << " <span class=\"state " << Text{run_state_name(run.state)} << "\">"
       << Text{run_state_name(run.state)} << "</span></h1>";
  if (!run.description.empty()) html << "<p class=\"lead\">" << Text{run.description} << "</p>";
  std::string when;
  if (run.started) when = "Started " + time_text(*run.started);
  if (run.last_written) when += (when.empty() ? "Last written " : ", last written ") + time_text(*run.last_written);
  if (!when.empty()) html << "<p class=\"lead\">" << Text{when + "."} << "</p>";
  if (run.debugging) html << "<p class=\"lead\">A debugging run: it took halves of steps, and is no training.</p>";
  html << "<div class=\"tiles\">";
  add_accuracy_tile(html, table);
  add_tile(html, run.seconds > 0 ? duration_text(run.seconds) : "", "in its stages");
  add_tile(html, run.tokens > 0 ? count_text(run.tokens) : "", "tokens");
  const auto finished = std::count_if(run.stages.begin(), run.stages.end(),
                                      [](const StageRecord& s) { return s.state == RunState::kFinished; });
  const bool all = finished == static_cast<int64_t>(run.stages.size());
  add_tile(html, all ? fmt::format("{}", finished) : fmt::format("{} of {}", finished, run.stages.size()),
           run.stages.size() == 1 ? "stage finished" : "stages finished");
  add_tile(html, run.device, "device");
  add_tile(html, run.version.empty() ? "" : "grpo " + run.version, "version");
  html << "</div>";
  if (!run.notices.empty()) {
    html << "<ul class=\"notices\">";
    for (const std::string& notice : run.notices) html << "<li>" << Text{notice} << "</li>";
    html << "</ul>";
  }
  html << "</header>";
  return html;
}

std::string cell_text(const std::string& metric, double value) {
  if (metric == "completions/mean_length") return fmt::format("{:.1f}", value);
  if (metric == "completions/clipped_ratio") return fmt::format("{:.1f} %", 100 * value);
  return value == std::round(value) && std::abs(value) > 1 && std::abs(value) < 1e9 ? fmt::format("{:.0f}", value)
                                                                                         : fmt::format("{:.3f}", value);
}

Html evals_html(const EvalTable& table) {
  Html html;
  if (table.sets.empty()) return html;
  html << "<h2>Checkpoints</h2><div class=\"panel\"><div class=\"scroll\"><table class=\"wide evals\"><thead><tr><th></th>";
  for (const std::string& column : table.columns) html << "<th title=\"" << Text{column} << "\">" << Text{column} << "</th>";
  html << "</tr></thead>";
  const auto columns = static_cast<int64_t>(table.columns.size());
  for (const EvalSet& set : table.sets) {
    html << "<tbody data-set=\"" << Text{set.name} << "\"><tr class=\"set\"><th colspan=\"" << columns + 1 << "\"><span>" << Text{set.name};
    if (!set.protocol.empty()) html << " <small>" << Text{set.protocol} << "</small>";
    html << "</span></th></tr>";
    for (const EvalRow& row : set.rows) {
      html << "<tr data-metric=\"" << Text{row.metric} << "\"><td>" << Text{row.label} << "</td>";
      for (int64_t column = 0; column < columns; ++column) {
        const auto cell = row.cells.find(static_cast<size_t>(column));
        if (cell == row.cells.end()) {
          html << "<td>\xE2\x80\x93</td>";
          continue;
        }
        html << "<td data-value=\"" << cell->second.value << "\"";
        if (cell->second.error) html << " data-error=\"" << *cell->second.error << "\"";
        html << ">";
        const std::string value = cell_text(row.metric, cell->second.value);
        cell->second.best ? html << "<b>" << Text{value} << "</b>" : html << Text{value};
        if (cell->second.error) html << " <span class=\"err\">\xC2\xB1 " << Text{fmt::format("{:.3f}", *cell->second.error)} << "</span>";
        html << "</td>";
      }
      html << "</tr>";
    }
    html << "</tbody>";
  }
  html << "</table></div><p class=\"note\">After \xC2\xB1: one standard error, over problems. Bold: the best of a row.</p></div>";
  return html;
}

// Parts of a step in this order and colour; others behind them.
const std::vector<std::string>& known_parts() {
  static const std::vector<std::string> parts = {"generate", "score", "logprobs", "train", "evaluate", "save"};
  return parts;
}

struct CostParts {
  std::vector<std::string> names;
  size_t colour(size_t i) const {
    const auto known = std::find(known_parts().begin(), known_parts().end(), names[i]);
    if (known != known_parts().end()) return known - known_parts().begin();
    return names[i] == "other" ? kChartColours : kChartColours - 1;
  }
};

CostParts cost_parts(const RunRecord& run) {
  std::map<std::string, double> seen;
  for (const StageRecord& stage : run.stages) {
    for (const auto& [part, seconds] : stage.metrics.seconds_of) seen[part] += seconds;
  }
  CostParts parts;
  for (const std::string& part : known_parts()) {
    if (seen.contains(part)) parts.names.push_back(part);
  }
  for (const auto& [part, seconds] : seen) {
    const bool listed = part == "other" || std::find(parts.names.begin(), parts.names.end(), part) != parts.names.end();
    if (!listed && parts.names.size() < 12) parts.names.push_back(part);
  }
  if (seen.contains("other")) parts.names.push_back("other");
  return parts;
}

double seconds_in(const StageRecord& stage, const std::string& part) {
  const auto found = stage.metrics.seconds_of.find(part);
  return found == stage.metrics.seconds_of.end() ? 0 : found->second;
}

Html costs_html(const RunRecord& run) {
  Html html;
  const CostParts parts = cost_parts(run);
  double longest = 0;
  for (const StageRecord& stage : run.stages) longest = std::max(longest, stage.seconds);
  if (!(longest > 0)) return html;
  html << "<h2>Time and tokens</h2><div class=\"panel\"><div class=\"scroll\"><table class=\"wide costs\"><thead><tr><th>stage</th>"
          "<th class=\"left\"></th><th>time</th>";
  for (const std::string& part : parts.names) html << "<th>" << Text{part} << "</th>";
  html << "<th>tokens</th><th>tokens/s</th></tr></thead><tbody>";
  std::vector<double> sums(parts.names.size(), 0.0);
  bool outside = false;  // whether a stage took time that no step accounts for
  for (size_t i = 0; i < run.stages.size(); ++i) {
    const StageRecord& stage = run.stages[i];
    std::vector<BarPart> bar;
    double split = 0;
    for (size_t p = 0; p < parts.names.size(); ++p) {
      bar.push_back({parts.names[p], seconds_in(stage, parts.names[p]), parts.colour(p)});
      split += bar.back().value;
    }
    // Loading, saving the model and what else lies outside of steps.
    if (stage.seconds > split * 1.001) {
      bar.push_back({"outside of steps", stage.seconds - split, kChartColours});
      outside = true;
    }
    html << "<tr data-stage=\"" << Text{stage.name} << "\"><td><a href=\"#stage-" << static_cast<int64_t>(i + 1) << "\">" << Text{stage.name}
         << "</a></td><td>" << bar_html(bar, longest) << "</td><td data-value=\"" << stage.seconds << "\">"
         << Text{stage.seconds > 0 ? duration_text(stage.seconds) : "\xE2\x80\x93"} << "</td>";
    for (size_t p = 0; p < parts.names.size(); ++p) {
      sums[p] += bar[p].value;
      html << "<td data-part=\"" << Text{parts.names[p]} << "\" data-value=\"" << bar[p].value << "\">"
           << Text{bar[p].value > 0 ? duration_text(bar[p].value) : "\xE2\x80\x93"} << "</td>";
    }
    html << "<td data-value=\"" << stage.tokens << "\">" << Text{stage.tokens > 0 ? count_text(stage.tokens) : "\xE2\x80\x93"} << "</td><td>"
         << Text{stage.tokens > 0 && stage.seconds > 0 ? count_text(stage.tokens / stage.seconds) : "\xE2\x80\x93"} << "</td></tr>";
  }
  if (run.stages.size() > 1) {
    html << "<tr class=\"total\"><td>all</td><td></td><td>" << Text{duration_text(run.seconds)} << "</td>";
    for (const double sum : sums) html << "<td>" << Text{duration_text(sum)} << "</td>";
    html << "<td>" << Text{count_text(run.tokens)} << "</td><td></td></tr>";
  }
  html << "</tbody></table></div>";
  const auto key = [&](size_t colour, const std::string& name) {
    html << "<span class=\"dot-key\"><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect class=\"f" << static_cast<int64_t>(colour + 1)
         << "\" width=\"10\" height=\"10\" rx=\"2\"/></svg>" << Text{name} << "</span>";
  };
  for (size_t p = 0; p < parts.names.size(); ++p) {
    if (parts.names[p] != "other") key(parts.colour(p), parts.names[p]);
  }
  const bool other = !parts.names.empty() && parts.names.back() == "other";
  if (other || outside) key(kChartColours, !outside ? "other" : other ? "other, and outside of steps" : "outside of steps");
  html << "</div>";
  return html;
}

}  // namespace

std::string report_page(const RunRecord& run, int64_t now) {
  const EvalTable table = make_eval_table(run);
  Html html;
  html << head_html(run) << "<body><main>" << header_html(run, table);
  if (!run.stages.empty()) {
    html << "<h2>Pipeline</h2><div class=\"panel\"><div class=\"scroll\">" << pipeline_graph_html(run, table) << "</div></div>";
  }
  html << evals_html(table) << costs_html(run);
  if (!run.stages.empty()) html << "<h2>Stages</h2>";
  for (size_t i = 0; i < run.stages.size(); ++i) html << stage_section_html(run, i);
  if (run.recipe.is_object()) {
    html << "<h2>Recipe</h2><div class=\"panel\"><details><summary>The recipe as it ran, with all --set values</summary><pre>"
         << Text{run.recipe.dump(2, ' ', false, Json::error_handler_t::replace)} << "</pre></details></div>";
  }
  html << "<footer>Made by grpo report on " << Text{time_text(now)} << " from " << Text{run.directory} << "</footer></main><script>"
       << Markup(kPageScript) << "</script></body></html>\n";
  return html.str();
}

void write_report(const std::string& directory, const std::string& output) {
  const int64_t now = std::time(nullptr);
  write_file_atomically(output, report_page(read_run(directory, now), now));
}

}  // namespace grpo
