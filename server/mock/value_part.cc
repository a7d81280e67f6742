#include "server/mock/value_part.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/types/span.h"

// How lists are cut. When two parts of a list are merged, the last element of
// the first and the first of the second become one if the last is a string, a
// list or an object; if it is a number, true, false or null, both stay. So a
// list is cut
//
// * inside of an element,
// * behind a number, true, false or null, or
// * behind a string (also one at the end of an element that is a list): the
// next
//   part then begins with the rest of that string, which is empty.
//
// Behind any other element there is no cut. An empty list could be its rest by
// the same logic, but client libraries have trouble merging those.

namespace spanner_session_emulator {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Value;

using Field = std::pair<const std::string*, const Value*>;

std::vector<Field> SortedFields(const google::protobuf::Struct& object) {
  std::vector<Field> fields;
  fields.reserve(object.fields_size());
  for (const auto& [name, value] : object.fields()) {
    fields.emplace_back(&name, &value);
  }
  std::sort(fields.begin(), fields.end(),
            [](const Field& a, const Field& b) { return *a.first < *b.first; });
  return fields;
}

bool IsCharacterStart(const std::string& text, size_t at) {
  return at >= text.size() || (text[at] & 0xc0) != 0x80;
}

// The end of a value as a place, behind a string; false if it has none.
bool AppendEnd(const Value& value, ValuePlace& place) {
  switch (value.kind_case()) {
    case Value::kStringValue:
      place.push_back(value.string_value().size());
      return true;
    case Value::kListValue: {
      const ListValue& list = value.list_value();
      if (list.values().empty()) return false;
      place.push_back(list.values_size() - 1);
      return AppendEnd(*list.values().rbegin(), place);
    }
    default:
      return false;
  }
}

class Taker {
 public:
  Taker(ValuePlace& place, int64_t& budget)
      : begin_(place), place_(place), budget_(budget) {}

  // The place's first `depth` entries say where `value` is.
  bool Take(const Value& value, size_t depth, Value& part) {
    switch (value.kind_case()) {
      case Value::kStringValue:
        return TakeString(value.string_value(), depth, part);
      case Value::kListValue:
        return TakeList(value.list_value(), depth, *part.mutable_list_value());
      case Value::kStructValue:
        return TakeObject(value.struct_value(), depth,
                          *part.mutable_struct_value());
      default:
        part = value;
        budget_ -= sizeof(double);
        place_.resize(depth);
        return true;
    }
  }

 private:
  // Where in the thing at `depth` to begin; `inside` if that is in the middle
  // of an element.
  size_t Begin(size_t depth, bool& inside) const {
    inside = place_.size() > depth + 1;
    return place_.size() > depth ? place_[depth] : 0;
  }
  void CutAt(size_t depth, size_t index) {
    place_.resize(depth);
    place_.push_back(index);
  }

  bool TakeString(const std::string& text, size_t depth, Value& part) {
    const size_t begin = place_.size() > depth ? place_[depth] : 0;
    size_t end = std::min<size_t>(
        text.size(),
        begin + static_cast<size_t>(std::max<int64_t>(budget_, 1)));
    while (!IsCharacterStart(text, end)) ++end;
    part.set_string_value(text.substr(begin, end - begin));
    budget_ -= std::max<int64_t>(1, static_cast<int64_t>(end - begin));
    if (end < text.size()) {
      CutAt(depth, end);
      return false;
    }
    place_.resize(depth);
    return true;
  }

  bool TakeList(const ListValue& list, size_t depth, ListValue& part) {
    bool inside = false;
    const size_t begin = Begin(depth, inside);
    const size_t size = list.values_size();
    budget_ -= 1;
    for (size_t i = begin; i < size; ++i) {
      if (i > begin && budget_ <= 0 && CutBehind(list, i - 1, depth)) {
        return false;
      }
      // An element before this one was taken from its beginning.
      if (i > begin || !inside) CutAt(depth, i);
      if (!Take(list.values(i), depth + 1, *part.add_values())) return false;
    }
    place_.resize(depth);
    return true;
  }

  bool CutBehind(const ListValue& list, size_t index, size_t depth) {
    const Value& last = list.values(index);
    if (last.has_number_value() || last.has_bool_value() ||
        last.kind_case() == Value::kNullValue) {
      CutAt(depth, index + 1);
      return true;
    }
    CutAt(depth, index);
    // Where this part began, it must not end.
    return AppendEnd(last, place_) && place_ != begin_;
  }

  // Fields with different names are merged by putting them side by side, so an
  // object can be cut anywhere.
  bool TakeObject(const google::protobuf::Struct& object, size_t depth,
                  google::protobuf::Struct& part) {
    const std::vector<Field> fields = SortedFields(object);
    bool inside = false;
    const size_t begin = Begin(depth, inside);
    budget_ -= 1;
    for (size_t i = begin; i < fields.size(); ++i) {
      if (i > begin && budget_ <= 0) {
        CutAt(depth, i);
        return false;
      }
      if (i > begin || !inside) CutAt(depth, i);
      budget_ -= static_cast<int64_t>(fields[i].first->size());
      if (!Take(*fields[i].second, depth + 1,
                (*part.mutable_fields())[*fields[i].first])) {
        return false;
      }
    }
    place_.resize(depth);
    return true;
  }

  const ValuePlace begin_;
  ValuePlace& place_;
  int64_t& budget_;
};

bool IsPlaceIn(const Value& value, absl::Span<const uint32_t> place) {
  if (place.empty()) return true;
  const size_t first = place[0];
  place.remove_prefix(1);
  switch (value.kind_case()) {
    case Value::kStringValue:
      return place.empty() && first <= value.string_value().size() &&
             IsCharacterStart(value.string_value(), first);
    case Value::kListValue:
      return first < static_cast<size_t>(value.list_value().values_size()) &&
             IsPlaceIn(value.list_value().values(static_cast<int>(first)),
                       place);
    case Value::kStructValue:
      return first < static_cast<size_t>(value.struct_value().fields_size()) &&
             IsPlaceIn(*SortedFields(value.struct_value())[first].second,
                       place);
    default:
      return false;
  }
}

}  // namespace

bool IsPlace(const Value& value, const ValuePlace& place) {
  return IsPlaceIn(value, place);
}

bool TakePart(const Value& value, ValuePlace& place, int64_t& budget,
              Value& part) {
  return Taker(place, budget).Take(value, 0, part);
}

}  // namespace spanner_session_emulator
