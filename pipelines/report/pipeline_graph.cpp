#include "pipelines/report/pipeline_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "pipelines/report/chart.h"
#include "pipelines/report/json_lines.h"
#include "policy/io/unicode.h"

namespace grpo {
namespace {

constexpr double kBoxWidth = 158, kBoxHeight = 68, kGap = 34, kBaseWidth = 112;

// At most `count` characters; the rest is an ellipsis.
std::string shortened(const std::string& untrusted, size_t count) {
  const std::string text = replace_invalid_utf8(untrusted);
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (++characters > count) return text.substr(0, i) + "\xE2\x80\xA6";
  }
  return text;
}

std::string number(double v) { return fmt::format("{:.1f}", v); }

struct Node {
  std::string name;
  double width = kBoxWidth;
  std::optional<size_t> stage;  // none: what a stage starts from and the run did not make
  double left = 0;
  double middle() const { return left + width / 2; }
  double right() const { return left + width; }
};

class Graph {
 public:
  Graph(const RunRecord& run, const EvalTable& table) : run_(run), table_(table) {
    place_nodes();
    for (size_t i = 0; i < run_.stages.size(); ++i) find_arrows(i);
  }

  Html html() const {
    const double width = nodes_.empty() ? 1 : nodes_.back().right() + 2;
    const double above = room(starts_), below = room(needs_) + (needs_.empty() ? 0 : 14);
    const double height = above + kBoxHeight + below + 4;
    Html out;
    out << "<svg class=\"graph\" role=\"img\" aria-label=\"the stages and what each starts from\" width=\"" << Text{number(width)}
        << "\" height=\"" << Text{number(height)} << "\" viewBox=\"0 0 " << Text{number(width)} << " " << Text{number(height)}
        << "\"><defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
           "orient=\"auto\"><path d=\"M0 0.5L8 4L0 7.5z\"/></marker><marker id=\"need-head\" class=\"need-head\" viewBox=\"0 0 8 "
           "8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0.5L8 4L0 "
           "7.5z\"/></marker></defs>";
    const double top = above + 2;
    for (const Arrow& arrow : starts_) add_start(out, arrow, top);
    for (const Arrow& arrow : needs_) add_need(out, arrow, top + kBoxHeight);
    for (const Node& node : nodes_) node.stage ? add_stage(out, node, top) : add_source(out, node, top);
    out << "</svg>";
    return out;
  }

 private:
  struct Arrow {
    size_t from = 0, to = 0;  // nodes
    std::string label;
  };

  // Stages in their order; what they start from that is no stage stands before the first of them.
  void place_nodes() {
    for (size_t i = 0; i < run_.stages.size(); ++i) {
      const StageRecord& stage = run_.stages[i];
      const bool elsewhere = !stage.from.empty() && run_.find(stage.from) == nullptr;
      if (elsewhere && !index_of(stage.from)) nodes_.push_back({stage.from, kBaseWidth, std::nullopt});
      node_of_.push_back(nodes_.size());
      nodes_.push_back({stage.name, kBoxWidth, i});
    }
    double at = 1;
    for (Node& node : nodes_) {
      node.left = at;
      at = node.right() + kGap;
    }
  }

  std::optional<size_t> index_of(const std::string& name) const {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].name == name) return i;
    }
    return std::nullopt;
  }

  void find_arrows(size_t stage) {
    const size_t to = node_of_[stage];
    if (const auto from = index_of(run_.stages[stage].from); from && *from != to) starts_.push_back({*from, to, ""});
    for (const StageNeed& need : run_.stages[stage].needs) {
      if (const auto from = index_of(need.stage); from && *from != to) needs_.push_back({*from, to, need.key});
    }
  }

  static double span(const Arrow& arrow) {
    return arrow.to > arrow.from ? static_cast<double>(arrow.to - arrow.from) : static_cast<double>(arrow.from - arrow.to);
  }
  static double height(const Arrow& arrow) { return std::min(22 + 11 * span(arrow), 110.0); }
  // What the arrows need above or below the boxes.
  double room(const std::vector<Arrow>& arrows) const {
    double most = 0;
    for (const Arrow& arrow : arrows) {
      if (&arrows == &needs_ || arrow.to != arrow.from + 1) most = std::max(most, 0.75 * height(arrow) + 4);
    }
    return most;
  }

  void add_start(Html& out, const Arrow& arrow, double top) const {
    const Node &from = nodes_[arrow.from], &to = nodes_[arrow.to];
    const double middle = top + kBoxHeight / 2;
    out << "<path class=\"start\" data-from=\"" << Text{from.name} << "\" data-to=\"" << Text{to.name}
        << "\" marker-end=\"url(#head)\" d=\"";
    if (arrow.to == arrow.from + 1) {
      out << "M" << Text{number(from.right())} << " " << Text{number(middle)} << "H" << Text{number(to.left - 1)};
    } else {
      const double h = top - height(arrow), start = from.right() - from.width / 4, end = to.left + to.width / 4;
      out << "M" << Text{number(start)} << " " << Text{number(top)} << "C" << Text{number(start)} << " " << Text{number(h)} << " "
          << Text{number(end)} << " " << Text{number(h)} << " " << Text{number(end)} << " " << Text{number(top - 1)};
    }
    out << "\"/>";
  }

  void add_need(Html& out, const Arrow& arrow, double bottom) const {
    const Node &from = nodes_[arrow.from], &to = nodes_[arrow.to];
    const double h = bottom + height(arrow), start = from.middle() + from.width / 5, end = to.middle() - to.width / 5;
    out << "<path class=\"need\" data-from=\"" << Text{from.name} << "\" data-to=\"" << Text{to.name}
        << "\" marker-end=\"url(#need-head)\" d=\"M" << Text{number(start)} << " " << Text{number(bottom)} << "C"
        << Text{number(start)} << " " << Text{number(h)} << " " << Text{number(end)} << " " << Text{number(h)} << " "
        << Text{number(end)} << " " << Text{number(bottom + 1)} << "\"/><text class=\"need-text\" text-anchor=\"middle\" x=\""
        << Text{number((start + end) / 2)} << "\" y=\"" << Text{number(bottom + 0.75 * height(arrow) + 13)} << "\">"
        << Text{shortened(arrow.label, 20)} << "</text>";
  }

  void add_source(Html& out, const Node& node, double top) const {
    out << "<g><title>" << Text{node.name} << "</title><rect class=\"box-base\" rx=\"9\" x=\"" << Text{number(node.left)} << "\" y=\""
        << Text{number(top)} << "\" width=\"" << Text{number(node.width)} << "\" height=\"" << Text{number(kBoxHeight)} << "\"/>";
    const auto accuracy = first_accuracy(table_, node.name);
    const double line = top + (accuracy ? 30 : kBoxHeight / 2 + 5);
    out << "<text class=\"name\" text-anchor=\"middle\" x=\"" << Text{number(node.middle())} << "\" y=\"" << Text{number(line)} << "\">"
        << Text{shortened(node.name, 14)} << "</text>";
    if (accuracy) {
      out << "<text class=\"num\" text-anchor=\"middle\" x=\"" << Text{number(node.middle())} << "\" y=\"" << Text{number(line + 20)}
          << "\">" << Text{fmt::format("{:.3f}", accuracy->value)} << "</text>";
    }
    out << "</g>";
  }

  void add_stage(Html& out, const Node& node, double top) const {
    const StageRecord& stage = run_.stages[*node.stage];
    const auto text = [&](Markup kind, double y, const std::string& line) {
      out << "<text class=\"" << kind << "\" x=\"" << Text{number(node.left + 12)} << "\" y=\"" << Text{number(top + y)} << "\">"
          << Text{line} << "</text>";
    };
    out << "<a href=\"#stage-" << static_cast<int64_t>(*node.stage + 1) << "\"><title>" << Text{stage.name} << " ("
        << Text{run_state_name(stage.state)} << ")</title><rect class=\"box-" << Text{run_state_name(stage.state)}
        << "\" rx=\"9\" x=\"" << Text{number(node.left)} << "\" y=\"" << Text{number(top)} << "\" width=\"" << Text{number(node.width)}
        << "\" height=\"" << Text{number(kBoxHeight)} << "\"/>";
    text("name", 22, shortened(stage.name, 18));
    std::string what = shortened(stage.type, 14);
    if (stage.steps > 0) what += fmt::format(" \xC2\xB7 {} steps", stage.steps);
    text("small", 39, what);
    if (const auto accuracy = first_accuracy(table_, stage.name)) {
      text("num", 58, fmt::format("{:.3f}", accuracy->value));
    } else {
      text("small", 57, stage.state == RunState::kFinished && stage.seconds > 0 ? duration_text(stage.seconds)
                                                                               : run_state_name(stage.state));
    }
    out << "</a>";
  }

  const RunRecord& run_;
  const EvalTable& table_;
  std::vector<Node> nodes_;
  std::vector<size_t> node_of_;  // by stage
  std::vector<Arrow> starts_, needs_;
};

}  // namespace

std::optional<EvalCell> first_accuracy(const EvalTable& table, const std::string& model) {
  const auto column = std::find(table.columns.begin(), table.columns.end(), model);
  if (column == table.columns.end() || table.sets.empty()) return std::nullopt;
  for (const EvalRow& row : table.sets.front().rows) {
    const auto cell = row.cells.find(column - table.columns.begin());
    if (row.metric == "accuracy" && cell != row.cells.end()) return cell->second;
  }
  return std::nullopt;
}

Html pipeline_graph_html(const RunRecord& run, const EvalTable& table) { return Graph(run, table).html(); }

}  // namespace grpo
