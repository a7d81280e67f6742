// From an HTTP method and a path to a binding.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_ROUTER_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_ROUTER_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/transport/rest/http_binding.h"

namespace spanner_session_emulator {

// The bindings in a tree, by the segments of their paths. A literal is tried
// before `*` and that before `**`, so a request looks at no more nodes than
// there are templates that begin like its path. Filled at start-up, then only
// read, by any thread.
class Router {
 public:
  struct Match {
    const HttpBinding* binding = nullptr;  // Null if there is none.
    absl::string_view path;                // Without its verb.
    // By which HTTP methods the path is known, if there is no binding.
    std::set<absl::string_view> allowed;
  };

  // Takes what `method` can be called by. INVALID_ARGUMENT, as
  // HttpBindingsOf().
  absl::Status Add(const Method& method);

  // `path` is percent-encoded and begins with '/'. The text behind the last ':'
  // of the last segment is a verb if there is such a path, and otherwise
  // belongs to the segment. `%3A` is as good as ':' where nothing else fits.
  Match Find(absl::string_view http_method, absl::string_view path) const;

 private:
  struct Node {
    absl::flat_hash_map<std::string, std::unique_ptr<Node>> literals;
    std::unique_ptr<Node> one;             // `*`
    std::vector<const HttpBinding*> here;  // Whose paths end here.
    std::vector<const HttpBinding*> rest;  // Whose paths go on by `**`.
  };

  // One look for a binding, with or without a verb.
  struct Search {
    absl::string_view http_method;
    absl::string_view verb;
    std::set<absl::string_view>& allowed;
  };
  // `path` is what comes after the node: empty at its end, else it begins with
  // '/'.
  static const HttpBinding* Find(const Search& search, const Node& node,
                                 absl::string_view path);
  static const HttpBinding* Choose(
      const Search& search, const std::vector<const HttpBinding*>& bindings);

  std::vector<std::unique_ptr<const HttpBinding>> bindings_;
  Node root_;
};

// The value of a variable in a path that matches, still percent-encoded.
absl::string_view RawValue(const HttpBinding& binding,
                           const HttpBinding::Variable& variable,
                           absl::string_view path);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_ROUTER_H_
