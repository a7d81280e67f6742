#include "server/transport/rest/reply_writer.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/struct.pb.h"
#include "server/call/errors.h"
#include "server/transport/rest/json.h"
#include "server/transport/rest/rest_error.h"

namespace spanner_session_emulator {

namespace pb = ::google::protobuf;

namespace {

// What `fields` selects of a binding's reply.
absl::StatusOr<FieldSelection> SelectionOf(const HttpBinding& binding,
                                           absl::string_view fields) {
  const pb::Descriptor* type = binding.method->descriptor()->output_type();
  if (binding.response_field != nullptr) {
    if (binding.response_field->is_repeated()) {
      return absl::InvalidArgumentError("cannot select from a list");
    }
    type = binding.response_field->message_type();
  }
  return FieldSelection::Parse(fields, *type);
}

// An Any that has no form in JSON, as one of a type that is not known here, as
// its type and its bytes: as ErrorJson() has it, but in a Struct.
void MakePrintable(pb::Any& any) {
  pb::Struct printable;
  auto& fields = *printable.mutable_fields();
  fields["@type"].set_string_value(any.type_url());
  fields["value"].set_string_value(absl::Base64Escape(any.value()));
  any.PackFrom(printable);
}

// Does so with all such in a message.
void MakeAnysPrintable(pb::Message& message) {
  if (auto* any = dynamic_cast<pb::Any*>(&message)) {
    std::string json;
    if (!PrintJson(*any, {}, json).ok()) MakePrintable(*any);
    return;
  }
  const pb::Reflection& reflection = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> present;
  reflection.ListFields(message, &present);
  for (const pb::FieldDescriptor* field : present) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      MakeAnysPrintable(*reflection.MutableMessage(&message, field));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      MakeAnysPrintable(*reflection.MutableRepeatedMessage(&message, field, i));
    }
  }
}

}  // namespace

ReplyWriter::ReplyWriter(const HttpBinding* binding, const RestQuery& query)
    : binding_(binding),
      pretty_(query.pretty_print),
      enums_as_numbers_(query.enums_as_numbers) {
  if (binding == nullptr || !query.fields.has_value()) return;
  auto selection = SelectionOf(*binding, *query.fields);
  fields_status_ = selection.status();
  if (selection.ok()) selection_ = *std::move(selection);
}

absl::StatusOr<std::string> ReplyWriter::Message(
    const pb::Message& message) const {
  std::string json;
  const pb::FieldDescriptor* field = binding_->response_field;
  absl::Status status;
  if (field == nullptr) {
    status = Print(message, json);
  } else if (!field->is_repeated()) {
    status = Print(message.GetReflection()->GetMessage(message, field), json);
  } else {
    // The library prints whole messages only.
    const std::unique_ptr<pb::Message> alone(message.New());
    alone->CopyFrom(message);
    std::vector<const pb::FieldDescriptor*> present;
    message.GetReflection()->ListFields(message, &present);
    for (const pb::FieldDescriptor* other : present) {
      if (other != field) {
        alone->GetReflection()->ClearField(alone.get(), other);
      }
    }
    status = Print(*alone, json);
    const size_t before = absl::StrCat("{\"", field->json_name(), "\":").size();
    json = json.size() > before ? json.substr(before, json.size() - before - 1)
           : field->is_map()    ? "{}"
                                : "[]";
  }
  if (!status.ok()) {
    return errors::UnprintableReply(*binding_->method->descriptor(),
                                    status.message());
  }
  return pretty_ ? IndentJson(json) : json;
}

absl::Status ReplyWriter::Print(const pb::Message& message,
                                std::string& json) const {
  const JsonOptions options = {.enums_as_numbers = enums_as_numbers_};
  const bool is_control = binding_->method->api_kind == ApiKind::kControl;
  if (!selection_.has_value()) {
    absl::Status status = PrintJson(message, options, json);
    if (status.ok() || !is_control) return status;
    json.clear();
  }
  const std::unique_ptr<pb::Message> copy(message.New());
  copy->CopyFrom(message);
  if (selection_.has_value()) selection_->Apply(*copy);
  // What somebody has scripted must not keep a whole page from being read.
  if (is_control) MakeAnysPrintable(*copy);
  return PrintJson(*copy, options, json);
}

std::string ReplyWriter::Error(const absl::Status& status,
                               int http_status) const {
  const std::string json = ErrorJson(status, http_status);
  return pretty_ ? IndentJson(json) : json;
}

}  // namespace spanner_session_emulator
