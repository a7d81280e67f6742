// ClockService of the control API.

#include <any>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/call/errors.h"
#include "server/services/control.h"
#include "server/services/times.h"
#include "server/services/unary.h"
#include "spanner_session_emulator/v1/clock.pb.h"

namespace spanner_session_emulator {
namespace {

constexpr absl::string_view kName = "clock";

void Fill(const Clock& clock, v1::Clock& out) {
  out.set_name(std::string(kName));
  SetTimestamp(clock.Now(), *out.mutable_time());
  out.set_state(clock.running() ? v1::Clock::RUNNING : v1::Clock::STOPPED);
}

absl::Status ValidateGet(Call& call) {
  const std::string& name = call.request<v1::GetClockRequest>().name();
  if (name.empty() || name == kName) return absl::OkStatus();
  return errors::InvalidField(
      call.method().name, "name",
      absl::StrCat("must be \"", kName, "\" or empty, but is \"",
                   absl::Utf8SafeCEscape(name), "\""));
}

absl::Status ValidateAdvance(Call& call) {
  const auto& request = call.request<v1::AdvanceClockRequest>();
  if (!request.has_duration()) {
    return errors::InvalidField(call.method().name, "duration",
                                "must be given, as \"3660s\" in JSON");
  }
  const auto duration = ReadDuration(request.duration());
  if (!duration.ok()) {
    return errors::InvalidField(call.method().name, "duration",
                                duration.status().message());
  }
  call.prepared = *duration;
  return absl::OkStatus();
}

absl::Status ValidateSet(Call& call) {
  const auto& request = call.request<v1::SetClockRequest>();
  if (!request.has_time()) {
    return errors::InvalidField(
        call.method().name, "time",
        "must be given, as \"2030-01-01T00:00:00Z\" in JSON");
  }
  auto time = ReadTimestamp(request.time());
  if (time.ok() && *time > Clock::Latest()) {
    time = absl::InvalidArgumentError(
        absl::StrCat("must be at most ", FormatUtc(Clock::Latest())));
  }
  if (!time.ok()) {
    return errors::InvalidField(call.method().name, "time",
                                time.status().message());
  }
  call.prepared = *time;
  return absl::OkStatus();
}

// What the clock said to a request that is right in itself: at another time it
// would have been possible.
absl::Status Moved(const Call& call, absl::string_view field,
                   const absl::Status& status) {
  if (status.ok()) return status;
  return errors::ClockNotMoved(call.method().name, field, status.message());
}

}  // namespace

void AddClockMethods(Clock* clock, MethodTable& table) {
  // `change` returns an absl::Status; the answer is the clock after it.
  const auto add = [&]<typename Request>(absl::string_view name,
                                         const Request& prototype, auto change,
                                         const Validator& validate = nullptr) {
    table.Set(
        absl::StrCat("spanner_session_emulator.v1.ClockService.", name),
        prototype,
        Unary<Request, v1::Clock>(
            [clock, change](Call& call, const Request&, v1::Clock& response) {
              absl::Status status = change(call);
              if (status.ok()) Fill(*clock, response);
              return status;
            }),
        validate);
  };
  add(
      "GetClock", v1::GetClockRequest::default_instance(),
      [](Call&) { return absl::OkStatus(); }, ValidateGet);
  add(
      "AdvanceClock", v1::AdvanceClockRequest::default_instance(),
      [clock](Call& call) {
        return Moved(
            call, "duration",
            clock->Advance(std::any_cast<absl::Duration>(call.prepared)));
      },
      ValidateAdvance);
  add(
      "SetClock", v1::SetClockRequest::default_instance(),
      [clock](Call& call) {
        return Moved(call, "time",
                     clock->Set(std::any_cast<absl::Time>(call.prepared)));
      },
      ValidateSet);
  add("RunClock", v1::RunClockRequest::default_instance(), [clock](Call&) {
    clock->Run();
    return absl::OkStatus();
  });
  add("StopClock", v1::StopClockRequest::default_instance(), [clock](Call&) {
    clock->Stop();
    return absl::OkStatus();
  });
}

}  // namespace spanner_session_emulator
