#include <fmt/format.h>

#include "pipelines/report/chart.h"
#include "pipelines/report/stage_section.h"

namespace grpo {
namespace {

constexpr size_t kShown = 700, kFolded = 20'000;  // bytes of a text: at once, and at all
constexpr size_t kScoresMax = 30;

// Cut where a code point ends.
std::string_view head_of(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

Html long_text(std::string_view text) {
  Html html;
  if (text.size() <= kShown) {
    html << "<pre>" << Text{text} << "</pre>";
    return html;
  }
  html << "<pre>" << Text{head_of(text, kShown)} << " \xE2\x80\xA6</pre><details><summary>all "
       << Text{count_text(static_cast<double>(text.size()))} << " bytes</summary><pre>" << Text{head_of(text, kFolded)};
  if (text.size() > kFolded) html << " \xE2\x80\xA6";
  html << "</pre>";
  if (text.size() > kFolded) html << "<p class=\"note\">the rest is in the file</p>";
  html << "</details>";
  return html;
}

Html scores_html(const std::vector<SampleScore>& scores) {
  Html html;
  if (scores.empty()) return html;
  html << "<table class=\"scores\">";
  for (size_t i = 0; i < std::min(scores.size(), kScoresMax); ++i) {
    const SampleScore& score = scores[i];
    html << "<tr><td>" << Text{score.reward} << "</td><td>" << Text{score.value ? value_text(*score.value) : "\xE2\x80\x93"}
         << "</td><td>";
    if (!score.status.empty() && score.status != "ok") html << "<b>" << Text{score.status} << "</b> ";
    html << Text{head_of(score.reason, 400)} << "</td></tr>";
  }
  html << "</table>";
  return html;
}

Html episode_html(const SampleEpisode& episode, const std::string& title, bool best) {
  Html html;
  html << "<div class=\"" << Text{best ? "best" : "worst"} << "\"><div class=\"tag\"><b>" << Text{title} << "</b>";
  const auto fact = [&](const std::string& name, const std::string& value) {
    html << " \xC2\xB7 " << Text{name} << " <b>" << Text{value} << "</b>";
  };
  if (episode.reward) fact("reward", value_text(*episode.reward));
  if (episode.advantage) fact("advantage", value_text(*episode.advantage));
  if (episode.num_tokens >= 0) fact("tokens", std::to_string(episode.num_tokens));
  if (!episode.finish_reason.empty()) fact("ended by", std::string(head_of(episode.finish_reason, 40)));
  html << "</div>" << long_text(episode.completion) << scores_html(episode.scores) << "</div>";
  return html;
}

}  // namespace

Html samples_html(const StageRecord& stage, bool folded) {
  Html html;
  if (stage.samples.empty()) return html;
  const bool kept = stage.samples.front().kept;
  const Text title{kept ? "Samples it kept" : "Samples: the best and the worst of a group"};
  folded ? html << "<details><summary>" << title << "</summary>" : html << "<h4>" << title << "</h4>";
  html << "<div class=\"samples\">";
  for (const SampleGroup& group : stage.samples) {
    html << "<article class=\"sample\"><div class=\"tag\"><b>";
    if (kept) {
      html << "row " << group.line + 1;
    } else {
      html << "step " << group.line - stage.metrics.first_line + stage.metrics.first_step;
    }
    html << "</b>";
    if (group.num_samples > 1) {
      html << " \xC2\xB7 " << group.num_samples << " samples, mean reward <b>" << Text{value_text(group.reward_mean)} << "</b>";
    }
    if (!group.best.answer.empty()) html << " \xC2\xB7 answer <b><bdi>" << Text{head_of(group.best.answer, 200)} << "</bdi></b>";
    html << "</div>" << long_text(group.best.prompt) << "<div class=\"pair\">"
         << episode_html(group.best, kept ? "kept" : group.worst ? "best" : "all alike", true);
    if (group.worst) html << episode_html(*group.worst, "worst", false);
    html << "</div></article>";
  }
  html << "</div>";
  if (folded) html << "</details>";
  return html;
}

}  // namespace grpo
