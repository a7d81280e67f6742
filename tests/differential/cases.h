// What is asked of both emulators, and what is to come back.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_DIFFERENTIAL_CASES_H_
#define SPANNER_SESSION_EMULATOR_TESTS_DIFFERENTIAL_CASES_H_

#include <string>
#include <vector>

namespace spanner_session_emulator {

// Requests and answers are written with these words in place of what is not
// the same each time:
//   {project} {instance} {db}  names of what exists; each case has its own
//              {db}, whose id is {db_id}
//   {other}    the name of another database that exists
//   {s1} {s2}  the names of the case's sessions, in the order of creation;
//              {id1} {id2} their ids
//   {t1} {t2}  the ids of the case's transactions, in the order of their
//              beginning
//   {token}    the last page token that was not empty
//   {part}     the last partition token
//   {x*1234}   1234 times the character x
struct Step {
  // A method of google.spanner.v1.Spanner, or a path as `/Service/Method`.
  std::string method;
  // In protobuf's text format; for a path, the bytes themselves.
  std::string request;
  // The two answers, as answers.h has them; empty: they are the same.
  std::string theirs = {};
  std::string ours = {};
};

struct Case {
  std::string name;
  // Why some of the answers differ, in words that docs/differences.md has, too;
  // empty: none does.
  std::string reason = {};
  std::vector<Step> steps;
  // Ours is started with --databases, so that not all databases exist.
  bool declared = true;
};

std::vector<Case> Cases();
// Those of them that are about transactions. Each database has the empty table
// t (k INT64, v STRING), in which `v` may be set to 'a' or 'b'.
std::vector<Case> TransactionCases();

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_DIFFERENTIAL_CASES_H_
