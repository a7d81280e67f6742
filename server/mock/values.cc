#include "server/mock/values.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "google/protobuf/util/json_util.h"
#include "server/call/descriptors.h"
#include "server/mock/column_types.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

using google::protobuf::ListValue;
using google::protobuf::Value;

// Below this, every integer is a double of its own.
constexpr double kMaxExact = 9007199254740992.0;  // 2^53.

std::optional<int64_t> ExactInteger(double number) {
  if (!(std::abs(number) < kMaxExact) || number != std::trunc(number)) {
    return std::nullopt;
  }
  return static_cast<int64_t>(number);
}

// The shortest text that is this number.
std::string NumberText(double number) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), number).ptr;
  return std::string(buffer, end);
}

// What a value is, in words.
std::string Describe(const Value& value) {
  constexpr size_t kMaxQuoted = 60;
  switch (value.kind_case()) {
    case Value::kNumberValue:
      return absl::StrCat("the number ", NumberText(value.number_value()));
    case Value::kBoolValue:
      return value.bool_value() ? "true" : "false";
    case Value::kStringValue: {
      const std::string& text = value.string_value();
      if (text.size() > kMaxQuoted) return "a longer string";
      return absl::StrCat("the string \"", absl::Utf8SafeCEscape(text), "\"");
    }
    case Value::kListValue:
      return "a list";
    case Value::kStructValue:
      return "an object";
    default:
      return "nothing";
  }
}

class Encoder {
 public:
  Encoder(const api::Type& type, const std::string& field, Value& value)
      : type_(type), field_(field), value_(value) {}

  absl::Status Encode() {
    if (value_.kind_case() == Value::kNullValue) return absl::OkStatus();
    switch (type_.code()) {
      case api::BOOL:
        return Require(value_.has_bool_value(), "true or false");
      case api::INT64:
      case api::ENUM:
        return EncodeInteger();
      case api::FLOAT64:
        return EncodeFloat(std::numeric_limits<double>::max());
      case api::FLOAT32:
        return EncodeFloat(std::numeric_limits<float>::max());
      case api::STRING:
        return Require(value_.has_string_value(), "a string");
      case api::BYTES:
      case api::PROTO:
        return EncodeBytes();
      case api::TIMESTAMP:
        return EncodeTimestamp();
      case api::DATE:
        return Require(value_.has_string_value() && IsDate(),
                       "a date as \"2030-01-31\"");
      case api::NUMERIC:
        return EncodeNumeric();
      case api::JSON:
        return EncodeJson();
      case api::INTERVAL:
        return Require(value_.has_string_value() && IsInterval(),
                       "an interval in ISO 8601, as \"P1Y2M3DT4H5M6S\"");
      case api::UUID:
        return Require(value_.has_string_value() && IsUuid(),
                       "a UUID as \"123e4567-e89b-12d3-a456-426614174000\"");
      case api::ARRAY:
        return EncodeArray();
      case api::STRUCT:
        return EncodeStruct();
      default:
        return Must("have a column of a known type");
    }
  }

 private:
  absl::Status Must(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(field_, " must ", what, ", but is ", Describe(value_)));
  }
  absl::Status MustBe(absl::string_view what) const {
    return Must(absl::StrCat("be ", what, " or null, as its type is ",
                             TypeText(type_)));
  }
  absl::Status Require(bool holds, absl::string_view what) const {
    return holds ? absl::OkStatus() : MustBe(what);
  }

  absl::Status EncodeInteger() {
    constexpr absl::string_view kExpected =
        "a number without a fraction, from 2^53 on as a string,";
    int64_t number = 0;
    if (value_.has_number_value()) {
      const std::optional<int64_t> exact = ExactInteger(value_.number_value());
      if (!exact.has_value()) return MustBe(kExpected);
      number = *exact;
    } else if (!value_.has_string_value() ||
               !absl::SimpleAtoi(value_.string_value(), &number)) {
      return MustBe(kExpected);
    }
    value_.set_string_value(absl::StrCat(number));
    return absl::OkStatus();
  }

  absl::Status EncodeFloat(double max) {
    if (value_.has_string_value()) {
      const std::string& text = value_.string_value();
      if (text == "NaN" || text == "Infinity" || text == "-Infinity") {
        return absl::OkStatus();
      }
    } else if (value_.has_number_value() &&
               std::abs(value_.number_value()) <= max) {
      return absl::OkStatus();
    }
    return MustBe("a number, \"NaN\", \"Infinity\" or \"-Infinity\"");
  }

  absl::Status EncodeBytes() {
    std::string bytes;
    if (!value_.has_string_value() ||
        !absl::Base64Unescape(value_.string_value(), &bytes)) {
      return MustBe("a string of base64");
    }
    value_.set_string_value(absl::Base64Escape(bytes));
    return absl::OkStatus();
  }

  absl::Status EncodeTimestamp() {
    const absl::Time first =
        absl::FromCivil(absl::CivilYear(1), absl::UTCTimeZone());
    const absl::Time end =
        absl::FromCivil(absl::CivilYear(10000), absl::UTCTimeZone());
    absl::Time time;
    std::string error;
    // Written with four digits for the year, unlike what absl takes.
    if (!value_.has_string_value() || value_.string_value().find('-') != 4 ||
        !absl::ParseTime(absl::RFC3339_full, value_.string_value(), &time,
                         &error) ||
        time < first || time >= end) {
      return MustBe("a time as \"2030-01-31T12:00:00.5Z\"");
    }
    value_.set_string_value(
        absl::FormatTime("%E4Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone()));
    return absl::OkStatus();
  }

  bool IsDate() const {
    const std::string& text = value_.string_value();
    absl::string_view rest = text;
    if (TakeDigits(rest) != 4 || !absl::ConsumePrefix(&rest, "-") ||
        TakeDigits(rest) != 2 || !absl::ConsumePrefix(&rest, "-") ||
        TakeDigits(rest) != 2 || !rest.empty()) {
      return false;
    }
    const int year = std::stoi(text.substr(0, 4));
    const int month = std::stoi(text.substr(5, 2));
    const int day = std::stoi(text.substr(8, 2));
    // What does not exist becomes another day.
    const absl::CivilDay date(year, month, day);
    return year >= 1 && date.month() == month && date.day() == day;
  }

  absl::Status EncodeNumeric() {
    const bool pg = type_.type_annotation() == api::PG_NUMERIC;
    constexpr absl::string_view kExpected =
        "a string as \"-12.50\" with at most 29 digits before the point and 9 "
        "behind it, or a number,";
    std::string text;
    if (value_.has_number_value()) {
      // Without an exponent; what is beyond this has more digits than a double.
      if (!(std::abs(value_.number_value()) <= kMaxExact)) {
        return MustBe(kExpected);
      }
      char buffer[400];
      const auto end =
          std::to_chars(buffer, buffer + sizeof(buffer), value_.number_value(),
                        std::chars_format::fixed)
              .ptr;
      text.assign(buffer, end);
    } else if (value_.has_string_value()) {
      text = value_.string_value();
      if (pg && text == "NaN") return absl::OkStatus();
    } else {
      return MustBe(kExpected);
    }
    absl::string_view rest = text;
    if (!absl::ConsumePrefix(&rest, "-")) absl::ConsumePrefix(&rest, "+");
    const size_t whole = TakeDigits(rest);
    const bool point = absl::ConsumePrefix(&rest, ".");
    const size_t fraction = TakeDigits(rest);
    const bool is_number =
        rest.empty() && whole > 0 && (!point || fraction > 0);
    if (!is_number) return MustBe(kExpected);
    // PostgreSQL's has room for far more than anybody writes here.
    if (!pg && (whole > 29 || fraction > 9)) return MustBe(kExpected);
    value_.set_string_value(text);
    return absl::OkStatus();
  }

  static size_t TakeDigits(absl::string_view& rest) {
    size_t count = 0;
    while (count < rest.size() &&
           absl::ascii_isdigit(static_cast<unsigned char>(rest[count]))) {
      ++count;
    }
    rest.remove_prefix(count);
    return count;
  }

  absl::Status EncodeJson() {
    NeedDescriptors();
    if (value_.has_string_value()) {
      Value parsed;
      return Require(google::protobuf::util::JsonStringToMessage(
                         value_.string_value(), &parsed)
                         .ok(),
                     "JSON, or a string with the text of JSON in it");
    }
    std::string text;
    if (!google::protobuf::util::MessageToJsonString(value_, &text).ok()) {
      return MustBe("JSON");
    }
    value_.set_string_value(std::move(text));
    return absl::OkStatus();
  }

  // P[nY][nM][nD][T[nH][nM][nS]], with signs anywhere and fractions of seconds.
  bool IsInterval() const {
    absl::string_view rest = value_.string_value();
    absl::ConsumePrefix(&rest, "-");
    if (!absl::ConsumePrefix(&rest, "P")) return false;
    absl::string_view units = "YMWD";
    bool in_time = false;
    bool any = false;
    while (!rest.empty()) {
      if (!in_time && absl::ConsumePrefix(&rest, "T")) {
        in_time = true;
        any = false;
        units = "HMS";
        continue;
      }
      absl::ConsumePrefix(&rest, "-");
      if (TakeDigits(rest) == 0) return false;
      if (absl::ConsumePrefix(&rest, ".") && TakeDigits(rest) == 0) {
        return false;
      }
      if (rest.empty()) return false;
      const size_t unit = units.find(rest[0]);
      if (unit == absl::string_view::npos) return false;
      units.remove_prefix(unit + 1);
      rest.remove_prefix(1);
      any = true;
    }
    return any;
  }

  bool IsUuid() const {
    const std::string& text = value_.string_value();
    if (text.size() != 36) return false;
    for (size_t i = 0; i < text.size(); ++i) {
      const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
      const auto c = static_cast<unsigned char>(text[i]);
      if (dash ? c != '-' : !absl::ascii_isxdigit(c)) return false;
    }
    return true;
  }

  absl::Status EncodeArray() {
    if (!value_.has_list_value()) return MustBe("a list");
    auto& values = *value_.mutable_list_value()->mutable_values();
    for (int i = 0; i < values.size(); ++i) {
      if (absl::Status s =
              EncodeValue(type_.array_element_type(),
                          absl::StrCat(field_, ".values[", i, "]"), values[i]);
          !s.ok()) {
        return s;
      }
    }
    return absl::OkStatus();
  }

  absl::Status EncodeStruct() {
    const auto& fields = type_.struct_type().fields();
    if (value_.has_struct_value()) {
      ListValue list;
      auto& given = *value_.mutable_struct_value()->mutable_fields();
      for (const api::StructType::Field& field : fields) {
        const auto it = given.find(field.name());
        if (field.name().empty() || it == given.end()) {
          return MustBe(absl::StrCat("an object with each of its fields once, ",
                                     "or a list of them,"));
        }
        *list.add_values() = std::move(it->second);
        given.erase(it);
      }
      if (!given.empty()) {
        return absl::InvalidArgumentError(absl::StrCat(
            field_, ".", absl::Utf8SafeCEscape(given.begin()->first),
            " must not be there: the type is ", TypeText(type_)));
      }
      *value_.mutable_list_value() = std::move(list);
    }
    if (!value_.has_list_value()) return MustBe("an object or a list");
    auto& values = *value_.mutable_list_value()->mutable_values();
    if (values.size() != fields.size()) {
      return MustBe(absl::StrCat("a list of ", fields.size(), " values"));
    }
    for (int i = 0; i < values.size(); ++i) {
      if (absl::Status s =
              EncodeValue(fields[i].type(),
                          absl::StrCat(field_, ".values[", i, "]"), values[i]);
          !s.ok()) {
        return s;
      }
    }
    return absl::OkStatus();
  }

  const api::Type& type_;
  const std::string& field_;
  Value& value_;
};

// Times and intervals are the same with zeros at the end of their fraction, and
// clients write some. Without them, if `text` looks like one of these.
std::string WithoutZeros(absl::string_view text) {
  if (text.empty() || (text.back() != 'Z' && text.back() != 'S') ||
      !absl::StrContains(text, absl::StartsWith(text, "P") ? "T" : ":")) {
    return std::string(text);
  }
  const size_t point = text.rfind('.');
  const absl::string_view fraction =
      point == text.npos ? "" : text.substr(point + 1, text.size() - point - 2);
  if (fraction.empty() ||
      fraction.find_first_not_of("0123456789") != fraction.npos) {
    return std::string(text);
  }
  const size_t digits = fraction.find_last_not_of('0') + 1;  // 0 for npos.
  return absl::StrCat(text.substr(0, digits == 0 ? point : point + 1 + digits),
                      text.substr(text.size() - 1));
}

void AppendText(absl::string_view text, std::string& out) {
  absl::StrAppend(&out, "s", text.size(), ":", text);
}

}  // namespace

absl::Status EncodeValue(const api::Type& type, const std::string& field,
                         Value& value) {
  return Encoder(type, field, value).Encode();
}

void AppendCanonical(const ListValue& list, std::string& out) {
  out += '[';
  for (const Value& value : list.values()) AppendCanonical(value, out);
  out += ']';
}

void AppendCanonical(const Value& value, std::string& out) {
  switch (value.kind_case()) {
    case Value::kNumberValue:
      if (const auto exact = ExactInteger(value.number_value())) {
        AppendText(absl::StrCat(*exact), out);
      } else if (std::isnan(value.number_value())) {
        AppendText("NaN", out);
      } else if (std::isinf(value.number_value())) {
        AppendText(value.number_value() > 0 ? "Infinity" : "-Infinity", out);
      } else {
        absl::StrAppend(&out, "d", NumberText(value.number_value()), ";");
      }
      return;
    case Value::kStringValue:
      return AppendText(WithoutZeros(value.string_value()), out);
    case Value::kBoolValue:
      out += value.bool_value() ? 't' : 'f';
      return;
    case Value::kListValue:
      return AppendCanonical(value.list_value(), out);
    case Value::kStructValue: {
      out += '{';
      std::map<absl::string_view, const Value*> sorted;
      for (const auto& [name, field] : value.struct_value().fields()) {
        sorted.emplace(name, &field);
      }
      for (const auto& [name, field] : sorted) {
        AppendText(name, out);
        AppendCanonical(*field, out);
      }
      out += '}';
      return;
    }
    default:
      out += 'n';
  }
}

}  // namespace spanner_session_emulator
