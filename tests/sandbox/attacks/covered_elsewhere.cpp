#include "tests/sandbox/attacks/catalogue.h"

namespace grpo {

const std::vector<Elsewhere>& covered_elsewhere() {
  static const std::string here = "tests/sandbox/attacks/many_runs_test.cpp";
  static const std::string judged = "tests/sandbox/attacks/judged_rows_test.cpp";
  static const std::string compile = "tests/sandbox/languages/compile_attacks_test.cpp";
  static const std::string judge = "tests/sandbox/judge/judge_test.cpp";
  static const std::string checker = "tests/sandbox/judge/checker_test.cpp";
  static const std::string python = "tests/sandbox/python/attacks_test.cpp";
  static const std::vector<Elsewhere> all = {
      {29, judged, "JudgedRows.Row29_expected_output_is_nowhere_to_be_found"},
      {34, judged, "JudgedRows.Row34_calls_cannot_be_counted"},
      {54, compile, "CompileAttack.Row54EndlessDeviceAsAHeader"},
      {55, compile, "CompileAttack.Row55FilesOfTheHostCannotBeRead"},
      {55, compile, "CompileAttack.Row55WhichFilesTheHostHasIsNotSeen"},
      {55, compile, "CompileAttack.Row55RustSeesNoFilesOfTheHost"},
      {56, compile, "CompileAttack.Row56StdinAsAHeaderIsEmpty"},
      {57, compile, "CompileAttack.Row57TemplateBomb"},
      {58, compile, "CompileAttack.Row58ConstantExpressionWithoutEnd"},
      {59, compile, "CompileAttack.Row59MacroOfABillionLaughs"},
      {60, compile, "CompileAttack.Row60DiagnosticsWithoutEnd"},
      {61, compile, "CompileAttack.Row61GigabyteOfData"},
      {62, compile, "CompileAttack.Row62AnnotationProcessorIsNotRun"},
      {62, compile, "CompileAttack.Row62RustAndGccRunNothingOfTheSource"},
      {63, compile, "CompileAttack.Row63NamesAndFlagsInTheSourceAreData"},
      {63, compile, "CompileAttack.Row63JavaClassIsNamedAsItsFile"},
      {64, judge, "Judge.Row64_InputThatIsNotReadOrVeryLongIsNoFault"},
      {65, judge, "Judge.Row65_OutputMayHoldAnyBytes"},
      {66, judge, "Judge.Row66_OddNumbersDoNotPassAFloatComparison"},
      {67, judge, "Judge.Row67_PrintingAVerdictIsNoVerdict"},
      {68, judge, "Judge.Row68_RightOutputAndThenABadEndIsARunTimeError"},
      {69, judge, "Judge.Row69_APrefixOfTheOutputIsWrong"},
      {70, judge, "Judge.Row70_OtherOrderAndRepeatedWordsAreWrong"},
      {71, python, "PythonAttack.Row71LeavingBeforeTheAsserts"},
      {72, python, "PythonAttack.Row72AnObjectThatIsEqualToEverything"},
      {72, python, "PythonAttack.Row72InsideAContainerThatIsExpected"},
      {73, python, "PythonAttack.Row73ReplacingWhatAssertsUse"},
      {74, python, "PythonAttack.Row74PlantingFilesAndModulesThatATestRunnerLoads"},
      {75, python, "PythonAttack.Row75LookingForTheExpectedValue"},
      {76, python, "PythonAttack.Row76LeavingFromAHookOrAThread"},
      {77, python, "PythonAttack.Row77SkippingTests"},
      {78, python, "PythonAttack.Row78SwitchingOffTimers"},
      {79, python, "PythonAttack.Row79WritingToWhatIsInherited"},
      {79, python, "PythonAttack.Row79AnsweringTooOftenOrOutOfTurn"},
      {79, python, "PythonAttack.Row79ValuesThatAreNotAsAgreed"},
      {80, python, "PythonAttack.Row80ReturnedValuesAreNeverUnpickled"},
      {81, python, "PythonAttack.Row81OverwritingTheCheckerDoesNothing"},
      {82, checker, "Checker.Row82_OutputThatBreaksAWorkingCheckerIsWrong"},
      {82, checker, "Checker.Row82_ACheckerThatFailsOnTheAnswerTooIsItselfToBlame"},
      {82, python, "PythonAttack.Row82AnswersMadeToBreakTheDriver"},
      {83, judge, "Judge.Row83_AnswersToThePublicTestsDoNotPassTheHiddenOnes"},
      {84, here, "ManyRuns.Row84_neighbours_never_see_each_other"},
      {85, here, "ManyRuns.Row85_memory_bombs_at_once_stay_within_the_budget"},
      {86, here, "ManyRuns.Row86_a_killed_runner_leaves_nothing_and_is_replaced"},
      {86, here, "ManyRuns.Row86_a_killed_owner_leaves_nothing"},
  };
  return all;
}

}  // namespace grpo
