// Faults, as a C++ test writes them:
//
//   auto aborts = emulator->AddFault(OnCall("Commit").Times(2).Aborts());
//   auto breaks = emulator->AddFault(OnCall("ExecuteStreamingSql")
//                                        .SqlPrefix("SELECT ")
//                                        .AfterMessages(2)
//                                        .IsUnavailable());
//   auto loses =
//       emulator->AddFault(OnAnyCall().InSession(name).Once().LosesSession());
//   auto frozen = emulator->AddFault(OnAnyCall().Freezes());
//   EXPECT_EQ(frozen->HeldCallCount(), 1);
//   frozen->Delete();
//
// All of this only fills in a v1::Fault, whose comments say what it means
// (proto/spanner_session_emulator/v1/faults.proto); Emulator::AddFault() takes
// one of these as well, and says what is wrong with it.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_FAULTS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_FAULTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/mock/fault_registry.h"
#include "spanner_session_emulator/v1/faults.pb.h"
#include "spanner_session_emulator/v1/sessions.pb.h"

namespace spanner_session_emulator {

// Which calls a fault is for, and then what becomes of them. Begin it by one of
// the functions below. Of what excludes each other (two effects; a pause and a
// freeze; Nth() and Skip()), the last one counts. A length of time that
// protobuf cannot hold is cut to what it can, which AddFault() refuses.
class FaultBuilder {
 public:
  // What else must hold of a call.

  // It is in this session, by its full name.
  FaultBuilder& InSession(std::string name);
  // Its session, or the one that it wants created, has such labels:
  // `labels.env:dev`.
  FaultBuilder& InSessionsWith(std::string filter);
  // Its session, or the one that it wants created, is of this kind:
  // v1::MULTIPLEXED.
  FaultBuilder& InSessionsOfKind(v1::SessionKind kind);
  // It is for a database in this project, instance or database, by its full
  // name.
  FaultBuilder& Scope(std::string scope);
  // It has this statement, or one that begins so, or one that this RE2 pattern
  // matches from beginning to end.
  FaultBuilder& Sql(std::string sql);
  FaultBuilder& SqlPrefix(std::string prefix);
  FaultBuilder& SqlPattern(std::string pattern);
  // It has this request_options.request_tag.
  FaultBuilder& RequestTag(std::string tag);
  // It has this request_options.transaction_tag.
  FaultBuilder& TransactionTag(std::string tag);
  // It has this header, with this value unless that is empty.
  FaultBuilder& Header(std::string name, std::string value = "");
  // Of the calls for which all of that holds, it is the n-th, from 1 on.
  FaultBuilder& Nth(int64_t n);
  // It comes after the first so many of them.
  FaultBuilder& Skip(int64_t count);
  // Chance has it, by what FaultRegistry::SetSeed() was given.
  FaultBuilder& Probability(double probability);

  // What the fault is.

  // Its name is `faults/<id>`; else the emulator chooses one.
  FaultBuilder& Named(absl::string_view id);
  // It is applied to that many calls, and then it is as if it was not there; 0:
  // to all.
  FaultBuilder& Times(int64_t count);
  FaultBuilder& Once() { return Times(1); }

  // When it comes over a call. Without any of these, before the call is
  // answered, and in place of that if there is an effect.

  // When the call has been answered, before anything is sent.
  FaultBuilder& AfterTheAnswer();
  // When so many messages of a stream have been sent.
  FaultBuilder& AfterMessages(int64_t count);
  // When all messages have been sent, before the status.
  FaultBuilder& AtEnd();

  // How long it holds the call first.

  // In real time, whatever the clock shows; at most a day.
  FaultBuilder& Pauses(absl::Duration length);
  // Each length between the two as likely as any other.
  FaultBuilder& PausesBetween(absl::Duration min, absl::Duration max);
  // Half of all are longer than the median, a few much longer; `sigma` is the
  // standard deviation of the logarithm.
  FaultBuilder& PausesLogNormal(absl::Duration median, double sigma);
  // Until the fault releases it, is deleted or reset.
  FaultBuilder& Freezes();
  // The pause or the freeze, which one of the above has set, comes anew before
  // each message of a stream, and before its end; what is frozen goes one step
  // whenever the fault releases it.
  FaultBuilder& BeforeEachMessage();

  // What becomes of the call. Without any of these, it goes its way.

  // It gets this error, with the details that the status has as payloads.
  FaultBuilder& Fails(const absl::Status& status);
  // NOT_FOUND, as if its session was gone; the session itself stays.
  FaultBuilder& LosesSession();
  // NOT_FOUND, as if its database was not there.
  FaultBuilder& LosesDatabase();
  // ABORTED with RetryInfo, and its transaction is aborted.
  FaultBuilder& Aborts(std::optional<absl::Duration> retry_delay = {});
  // UNAVAILABLE, with RetryInfo if there is a delay.
  FaultBuilder& IsUnavailable(std::optional<absl::Duration> retry_delay = {});
  // DEADLINE_EXCEEDED at once, whatever its deadline is.
  FaultBuilder& ExceedsDeadline();
  // RESOURCE_EXHAUSTED, with RetryInfo if there is a delay.
  FaultBuilder& IsExhausted(std::optional<absl::Duration> retry_delay = {});
  // PERMISSION_DENIED for the permission that it needs.
  FaultBuilder& IsDenied();
  // Its connection is closed.
  FaultBuilder& CutsConnection();
  // Its reply is lost: it gets none until its deadline or its cancellation.
  FaultBuilder& SwallowsReply();
  // A Commit is asked to be tried again, with a precommit token.
  FaultBuilder& AsksForCommitRetry();
  // Its reply says nothing of the transaction that it has begun.
  FaultBuilder& HidesTransaction();

  // What its reply has, or lacks, beside all of that; values of names that end
  // in `-bin` are base64.
  FaultBuilder& AddsHeader(std::string name, std::string value);
  FaultBuilder& AddsTrailer(std::string name, std::string value);
  FaultBuilder& RemovesHeader(std::string name);

  const v1::Fault& proto() const { return fault_; }
  // For AddFault().
  operator const v1::Fault&() const {  // NOLINT(google-explicit-constructor)
    return fault_;
  }

 private:
  friend FaultBuilder OnCalls(std::vector<std::string> methods);
  FaultBuilder() = default;

  FaultBuilder& WithStatus(v1::Fault::Status status,
                           std::optional<absl::Duration> retry_delay = {});

  v1::Fault fault_;
};

// A fault for calls of this method: `Commit`, or by its full name
// `google.spanner.v1.Spanner.Commit`.
FaultBuilder OnCall(std::string method);
// For calls of these methods; of all, if there are none.
FaultBuilder OnCalls(std::vector<std::string> methods);
// For all calls of Spanner's API, the admin API included.
FaultBuilder OnAnyCall();

// A fault of an emulator, which must outlive it. Thread-safe.
class FaultHandle {
 public:
  // For Emulator::AddFault().
  FaultHandle(FaultRegistry* registry, std::string name)
      : registry_(registry), name_(std::move(name)) {}

  // `faults/FAULT`.
  const std::string& name() const { return name_; }
  // How many calls have matched, were met, and are held at the moment; 0 if the
  // fault was deleted.
  int64_t MatchCount() const { return Get().match_count; }
  int64_t HitCount() const { return Get().hit_count; }
  int64_t HeldCallCount() const { return Get().held_call_count; }
  // Lets the calls go on that it holds; returns how many there were. It will
  // hold those that come later.
  int64_t Release() const { return registry_->Release(name_).value_or(0); }
  // Lets them go on, and holds no more. Whether it was there to be deleted.
  bool Delete() const { return registry_->Delete(name_); }

 private:
  FaultRegistry::Entry Get() const {
    return registry_->Find(name_).value_or(FaultRegistry::Entry());
  }

  FaultRegistry* registry_;
  std::string name_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_FAULTS_H_
