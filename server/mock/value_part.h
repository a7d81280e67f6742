// Values in parts, as PartialResultSet.chunked_value has them.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_VALUE_PART_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_VALUE_PART_H_

#include <cstdint>
#include <vector>

#include "google/protobuf/struct.pb.h"

namespace spanner_session_emulator {

// A place inside a value: of each list the index of the element, of each object
// that of the field (in the order of their names), and at last, of a string, a
// number of bytes. Empty: its beginning.
using ValuePlace = std::vector<uint32_t>;

// Whether there is such a place in `value`, so that a part can begin there.
bool IsPlace(const google::protobuf::Value& value, const ValuePlace& place);

// Makes `part` of what `value` has from `place` on, until some `budget` bytes
// are used up, which are then taken from it. Returns whether that was the rest;
// if not, `place` is where the next part begins. Merging all parts in their
// order, by the rules of google.spanner.v1.PartialResultSet, gives the value.
//
// A part is never empty, and may be larger than the budget: numbers, true,
// false and null are not cut, nor are characters, and a list is not cut where
// the rules would merge two of its elements.
bool TakePart(const google::protobuf::Value& value, ValuePlace& place,
              int64_t& budget, google::protobuf::Value& part);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_VALUE_PART_H_
