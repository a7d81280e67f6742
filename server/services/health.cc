#include "server/services/health.h"

#include <map>
#include <utility>

#include "absl/status/status.h"
#include "grpc/health/v1/health.pb.h"
#include "server/call/errors.h"
#include "server/services/unary.h"

namespace spanner_session_emulator {

namespace api = ::grpc::health::v1;

struct Health::State {
  absl::flat_hash_set<std::string> services;  // Set before it is asked for.

  Mutex mu;
  bool serving ABSL_GUARDED_BY(mu) = true;
  // Of the streams that wait for a change, by the stream.
  std::map<const void*, std::function<void()>> wakers ABSL_GUARDED_BY(mu);

  api::HealthCheckResponse::ServingStatus StatusOf(const std::string& service) {
    if (!services.contains(service)) {
      return api::HealthCheckResponse::SERVICE_UNKNOWN;
    }
    MutexLock lock(&mu);
    return StatusOfKnown();
  }

  api::HealthCheckResponse::ServingStatus StatusOfKnown() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    return serving ? api::HealthCheckResponse::SERVING
                   : api::HealthCheckResponse::NOT_SERVING;
  }
};

// The service's status, then NOT_SERVING and the end at shutdown.
class Health::WatchSource final : public ReplySource {
 public:
  WatchSource(std::shared_ptr<State> state, std::string service)
      : state_(std::move(state)), service_(std::move(service)) {}

  ~WatchSource() override {
    MutexLock lock(&state_->mu);
    state_->wakers.erase(this);
  }

  ReplyStep Next() override {
    // One look at the state: NOT_SERVING must not be missed before the end.
    MutexLock lock(&state_->mu);
    const auto status = state_->services.contains(service_)
                            ? state_->StatusOfKnown()
                            : api::HealthCheckResponse::SERVICE_UNKNOWN;
    if (!sent_ || status != message_.status()) {
      sent_ = true;
      message_.set_status(status);
      return ReplyStep::Message(&message_);
    }
    if (!state_->serving) return ReplyStep::End(errors::ShuttingDown());
    return ReplyStep::Wait();
  }

  void OnReady(std::function<void()> wake) override {
    {
      MutexLock lock(&state_->mu);
      if (state_->serving) {
        state_->wakers[this] = std::move(wake);
        return;
      }
    }
    wake();
  }

 private:
  const std::shared_ptr<State> state_;
  const std::string service_;
  bool sent_ = false;
  api::HealthCheckResponse message_;
};

Health::Health() : state_(std::make_shared<State>()) {}

void Health::AddMethods(std::vector<std::string> services, MethodTable& table) {
  state_->services.insert("");
  for (std::string& service : services) {
    state_->services.insert(std::move(service));
  }
  table.Set("grpc.health.v1.Health.Check",
            api::HealthCheckRequest::default_instance(),
            Unary<api::HealthCheckRequest, api::HealthCheckResponse>(
                [state = state_](Call&, const api::HealthCheckRequest& request,
                                 api::HealthCheckResponse& response) {
                  if (!state->services.contains(request.service())) {
                    return errors::UnknownHealthService(request.service());
                  }
                  response.set_status(state->StatusOf(request.service()));
                  return absl::OkStatus();
                }));
  table.Set("grpc.health.v1.Health.List",
            api::HealthListRequest::default_instance(),
            Unary<api::HealthListRequest, api::HealthListResponse>(
                [state = state_](Call&, const api::HealthListRequest&,
                                 api::HealthListResponse& response) {
                  for (const std::string& service : state->services) {
                    (*response.mutable_statuses())[service].set_status(
                        state->StatusOf(service));
                  }
                  return absl::OkStatus();
                }));
  table.Set("grpc.health.v1.Health.Watch",
            api::HealthCheckRequest::default_instance(),
            [state = state_](Call& call) {
              return Reply::Stream(std::make_unique<WatchSource>(
                  state, call.request<api::HealthCheckRequest>().service()));
            });
}

bool Health::serving() const {
  MutexLock lock(&state_->mu);
  return state_->serving;
}

void Health::Shutdown() {
  std::map<const void*, std::function<void()>> wakers;
  {
    MutexLock lock(&state_->mu);
    state_->serving = false;
    wakers.swap(state_->wakers);
  }
  for (const auto& [source, wake] : wakers) wake();
}

}  // namespace spanner_session_emulator
