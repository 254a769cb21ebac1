// The page of a run in a real browser, opened from disk. GRPO_REPORT_SHOTS names a folder that pictures of it are left in.

#include <gtest/gtest.h>

#include <cstdlib>

#include "pipelines/report/report.h"
#include "pipelines/report/eval_table.h"
#include "tests/pipelines/report/chromium.h"
#include "tests/pipelines/report/written_run.h"

namespace grpo {
namespace {

class ReportInBrowser : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!browser_.why_not().empty()) GTEST_SKIP() << browser_.why_not();
    write_r1_run(run_);
    write_report(run_.path(), run_.file("report.html"));
  }

  void open(int width, int height, bool dark = false) { browser_.open("file://" + run_.file("report.html"), width, height, dark); }

  // Everything said by the page or the browser, and every request but that for the page.
  std::string complaints() const {
    std::string all;
    for (const std::string& complaint : browser_.complaints()) all += complaint + "\n";
    for (const std::string& url : browser_.requests()) {
      if (url != "file://" + run_.file("report.html") && url != "data:,") all += "request of " + url + "\n";
    }
    return all;
  }

  void picture(const std::string& name) {
    if (const char* folder = std::getenv("GRPO_REPORT_SHOTS")) browser_.screenshot(std::string(folder) + "/" + name + ".png");
  }

  Chromium browser_;
  const WrittenRun run_;
};

TEST_F(ReportInBrowser, AsksForNothingAndComplainsOfNothing) {
  open(1200, 4000);
  EXPECT_EQ(complaints(), "");
  EXPECT_FALSE(browser_.requests().empty());
  picture("light");
  open(1200, 4000, true);
  EXPECT_EQ(complaints(), "");
  picture("dark");
}

TEST_F(ReportInBrowser, ItsScriptIsTheOnlyOne) {
  open(1200, 900);
  EXPECT_EQ(browser_.evaluate("typeof window.hacked"), "undefined");
  EXPECT_EQ(browser_.evaluate("document.querySelectorAll('script').length"), 1);
  EXPECT_EQ(browser_.evaluate("document.querySelectorAll('img, iframe, object, embed, form, [style], [onerror]').length"), 0);
  EXPECT_EQ(browser_.evaluate("[...document.querySelectorAll('pre')].some(p => p.textContent.includes('<script>window.hacked=1</script>'))"), true);
}

TEST_F(ReportInBrowser, ThePolicyRefusesAnotherScriptAndTheNetwork) {
  open(1200, 900);
  browser_.evaluate("(() => { const s = document.createElement('script'); s.textContent = 'window.hacked = 4'; document.body.append(s); "
                    "const i = document.createElement('img'); i.src = 'file:///etc/hostname'; document.body.append(i); })()");
  EXPECT_EQ(browser_.evaluate("typeof window.hacked"), "undefined");
  EXPECT_EQ(browser_.evaluate("document.querySelector('img').naturalWidth"), 0);
}

TEST_F(ReportInBrowser, EveryChartIsDrawnWithAllItsPoints) {
  open(1200, 900);
  // Of the stage "zero": 120 steps of training, evaluated at 0 and at every 20th.
  const std::string points = "(m => document.querySelector(`#stage-1 path[data-metric=\"${m}\"]`).dataset.points.split(' ').length / 2)";
  EXPECT_EQ(browser_.evaluate(points + "('reward')"), 120);
  EXPECT_EQ(browser_.evaluate(points + "('eval_accuracy')"), 7);
  EXPECT_EQ(browser_.evaluate("document.querySelector('#stage-1 path[data-metric=\"eval_accuracy\"]').previousElementSibling.classList.contains('band')"), true);
  // What is drawn is what is said: as many places in the path as points, and all of them within the plot.
  EXPECT_EQ(browser_.evaluate("[...document.querySelectorAll('path[data-points]')].filter(p => "
                              "p.getAttribute('d').match(/[ML]/g).length * 2 !== p.dataset.points.split(' ').length).length"),
            0);
  EXPECT_EQ(browser_.evaluate("[...document.querySelectorAll('path[data-points]')].filter(p => { const b = p.getBBox(); "
                              "return !(b.x >= 45 && b.x + b.width <= 351 && b.y >= 7 && b.y + b.height <= 167) }).length"),
            0);
  EXPECT_GE(browser_.evaluate("document.querySelectorAll('#stage-1 .chart').length").get<int>(), 9);
  EXPECT_GE(browser_.evaluate("document.querySelectorAll('.chart').length").get<int>(), 50);
}

TEST_F(ReportInBrowser, TheTableShowsTheNumbersOfTheRun) {
  open(1200, 900);
  const EvalTable table = make_eval_table(read_run(run_.path(), 0));
  const Json shown = browser_.evaluate(
      "[...document.querySelectorAll('.evals tbody')].map(b => [...b.querySelectorAll('tr[data-metric]')].map(r => "
      "[...r.cells].slice(1).map(c => c.dataset.value === undefined ? null : [Number(c.dataset.value), c.textContent, !!c.querySelector('b')])))");
  ASSERT_EQ(shown.size(), table.sets.size());
  for (size_t s = 0; s < table.sets.size(); ++s) {
    ASSERT_EQ(shown[s].size(), table.sets[s].rows.size());
    for (size_t r = 0; r < table.sets[s].rows.size(); ++r) {
      const EvalRow& row = table.sets[s].rows[r];
      ASSERT_EQ(shown[s][r].size(), table.columns.size());
      for (size_t c = 0; c < table.columns.size(); ++c) {
        const Json& cell = shown[s][r][c];
        ASSERT_EQ(cell.is_null(), !row.cells.contains(c)) << row.label << " of " << table.columns[c];
        if (cell.is_null()) continue;
        EXPECT_EQ(cell[0].get<double>(), row.cells.at(c).value);
        EXPECT_EQ(cell[2].get<bool>(), row.cells.at(c).best);
      }
    }
  }
  EXPECT_EQ(browser_.evaluate("document.querySelector('tbody[data-set=chain_12] tr[data-metric=accuracy] td[data-value] b').parentNode.textContent"),
            "0.812 \u00b1 0.012");
}

TEST_F(ReportInBrowser, APhoneShowsItWithoutScrollingSideways) {
  open(390, 844);
  EXPECT_EQ(complaints(), "");
  EXPECT_EQ(browser_.evaluate("window.innerWidth"), 390);
  EXPECT_LE(browser_.evaluate("document.documentElement.scrollWidth").get<int>(), 390);
  // Also with all that is folded unfolded.
  browser_.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })");
  EXPECT_LE(browser_.evaluate("document.documentElement.scrollWidth").get<int>(), 390);
  browser_.evaluate("document.querySelectorAll('details').forEach(d => { d.open = false; })");
  open(390, 5000);
  picture("phone");
}

TEST_F(ReportInBrowser, FollowsTheReadersChoiceOfLightAndDark) {
  const char* colours = "getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color";
  open(800, 600);
  const Json light = browser_.evaluate(colours);
  open(800, 600, true);
  EXPECT_NE(browser_.evaluate(colours), light);
}

TEST_F(ReportInBrowser, ThePointerReadsNumbersOffACurve) {
  open(1200, 900);
  browser_.evaluate("(() => { const svg = document.querySelector('#stage-1 path[data-metric=reward]').closest('svg'); const b = svg.getBoundingClientRect(); "
                    "svg.dispatchEvent(new PointerEvent('pointermove', {clientX: b.right - b.width * 10 / 360, clientY: b.top + 20, bubbles: true})); })()");
  const auto text = browser_.evaluate("document.querySelector('.tip').textContent").get<std::string>();
  const std::string last = browser_.evaluate("Number(Number(document.querySelector('#stage-1 path[data-metric=reward]').dataset.points.split(' ').pop()).toPrecision(6)).toString()");
  EXPECT_EQ(text.substr(0, text.find('\n', 9)), "step 120\nin training  " + last);
  EXPECT_EQ(complaints(), "");
}

}  // namespace
}  // namespace grpo
