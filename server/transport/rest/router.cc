#include "server/transport/rest/router.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "server/transport/rest/percent.h"

namespace spanner_session_emulator {

absl::Status Router::Add(const Method& method) {
  auto bindings = HttpBindingsOf(method);
  if (!bindings.ok()) return bindings.status();
  for (HttpBinding& binding : *bindings) {
    const auto& kept = bindings_.emplace_back(
        std::make_unique<const HttpBinding>(std::move(binding)));
    using Kind = PathTemplate::Segment::Kind;
    Node* node = &root_;
    bool rest = false;
    for (const PathTemplate::Segment& segment : kept->path.segments) {
      if (segment.kind == Kind::kRest) {
        rest = true;
        break;
      }
      std::unique_ptr<Node>& next = segment.kind == Kind::kLiteral
                                        ? node->literals[segment.literal]
                                        : node->one;
      if (next == nullptr) next = std::make_unique<Node>();
      node = next.get();
    }
    (rest ? node->rest : node->here).push_back(kept.get());
  }
  return absl::OkStatus();
}

Router::Match Router::Find(absl::string_view http_method,
                           absl::string_view path) const {
  Match match;
  const size_t colon = path.rfind(':');
  if (colon != absl::string_view::npos && colon + 1 < path.size() &&
      !absl::StrContains(path.substr(colon), '/')) {
    match.path = path.substr(0, colon);
    match.binding = Find({.http_method = http_method,
                          .verb = path.substr(colon + 1),
                          .allowed = match.allowed},
                         root_, match.path);
    if (match.binding != nullptr || !match.allowed.empty()) return match;
  }
  match.path = path;
  match.binding =
      Find({.http_method = http_method, .verb = "", .allowed = match.allowed},
           root_, match.path);
  if (match.binding != nullptr) return match;
  // Some clients encode the ':', too.
  const absl::string_view segment = path.substr(path.rfind('/') + 1);
  const size_t upper = segment.rfind("%3A");
  const size_t lower = segment.rfind("%3a");
  const size_t encoded = upper == absl::string_view::npos ? lower
                         : lower == absl::string_view::npos
                             ? upper
                             : std::max(upper, lower);
  if (encoded == absl::string_view::npos || encoded + 3 == segment.size()) {
    return match;
  }
  const absl::string_view before =
      path.substr(0, path.size() - segment.size() + encoded);
  match.binding = Find({.http_method = http_method,
                        .verb = segment.substr(encoded + 3),
                        .allowed = match.allowed},
                       root_, before);
  if (match.binding != nullptr) match.path = before;
  return match;
}

const HttpBinding* Router::Find(const Search& search, const Node& node,
                                absl::string_view path) {
  if (path.empty()) {
    const HttpBinding* found = Choose(search, node.here);
    return found != nullptr ? found : Choose(search, node.rest);
  }
  const size_t end = path.find('/', 1);
  const absl::string_view segment = path.substr(1, end - 1);
  const absl::string_view after =
      end == absl::string_view::npos ? absl::string_view() : path.substr(end);
  auto literal = node.literals.end();
  if (!absl::StrContains(segment, '%')) {
    literal = node.literals.find(segment);
  } else if (const auto decoded = DecodePercent(segment); decoded.has_value()) {
    literal = node.literals.find(*decoded);
  }
  if (literal != node.literals.end()) {
    const HttpBinding* found = Find(search, *literal->second, after);
    if (found != nullptr) return found;
  }
  if (node.one != nullptr && !segment.empty()) {
    const HttpBinding* found = Find(search, *node.one, after);
    if (found != nullptr) return found;
  }
  return Choose(search, node.rest);
}

const HttpBinding* Router::Choose(
    const Search& search, const std::vector<const HttpBinding*>& bindings) {
  const HttpBinding* any = nullptr;
  for (const HttpBinding* binding : bindings) {
    if (binding->path.verb != search.verb) continue;
    if (binding->http_method == search.http_method) return binding;
    if (binding->http_method == "*") {
      any = binding;
    } else {
      search.allowed.insert(binding->http_method);
    }
  }
  return any;
}

absl::string_view RawValue(const HttpBinding& binding,
                           const HttpBinding::Variable& variable,
                           absl::string_view path) {
  // Removes as many segments, each with the '/' before it.
  const auto skip = [](absl::string_view text, size_t segments) {
    for (; segments > 0 && !text.empty(); --segments) {
      text.remove_prefix(std::min(text.size(), text.find('/', 1)));
    }
    return text;
  };
  absl::string_view value = skip(path, variable.begin);
  // A variable at the end may end in `**`.
  if (variable.end < binding.path.segments.size()) {
    value.remove_suffix(skip(value, variable.end - variable.begin).size());
  }
  if (!value.empty()) value.remove_prefix(1);
  return value;
}

}  // namespace spanner_session_emulator
