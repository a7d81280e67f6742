#include "tests/server/mock/mock_testing.h"

namespace spanner_session_emulator {

using google::protobuf::Value;

void Merge(const Value& next, Value& value) {
  ASSERT_EQ(next.kind_case(), value.kind_case())
      << ToJson(value) << ", " << ToJson(next);
  switch (value.kind_case()) {
    case Value::kStringValue:
      value.mutable_string_value()->append(next.string_value());
      return;
    case Value::kListValue: {
      auto& list = *value.mutable_list_value();
      // Some client libraries cannot merge these.
      ASSERT_GT(list.values_size(), 0);
      ASSERT_GT(next.list_value().values_size(), 0);
      Value& last = *list.mutable_values(list.values_size() - 1);
      int from = 0;
      if (last.has_string_value() || last.has_list_value() ||
          last.has_struct_value()) {
        Merge(next.list_value().values(from++), last);
      }
      for (; from < next.list_value().values_size(); ++from) {
        *list.add_values() = next.list_value().values(from);
      }
      return;
    }
    case Value::kStructValue:
      for (const auto& [name, field] : next.struct_value().fields()) {
        auto& fields = *value.mutable_struct_value()->mutable_fields();
        const auto it = fields.find(name);
        if (it == fields.end()) {
          fields[name] = field;
        } else {
          Merge(field, it->second);
        }
      }
      return;
    default:
      FAIL() << "This cannot be chunked: " << ToJson(value);
  }
}

std::vector<Value> MergeAll(
    const std::vector<api::PartialResultSet>& messages) {
  std::vector<Value> values;
  bool chunked = false;
  for (const api::PartialResultSet& message : messages) {
    for (int i = 0; i < message.values_size(); ++i) {
      if (i == 0 && chunked) {
        Merge(message.values(i), values.back());
      } else {
        values.push_back(message.values(i));
      }
    }
    if (message.values_size() > 0) chunked = message.chunked_value();
  }
  EXPECT_FALSE(chunked) << "The last value has no end";
  return values;
}

}  // namespace spanner_session_emulator
