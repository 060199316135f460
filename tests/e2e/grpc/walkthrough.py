"""The walkthrough of docs/grpc.md with grpcio, which learns the API by reflection.

Takes the address of a service, and the address and password of an admin.
"""

import sys
import threading
import time

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

target, email, password = sys.argv[1:]
channel = grpc.insecure_channel(target)
reflected = ProtoReflectionDescriptorDatabase(channel)
pool = DescriptorPool(reflected)


class Service:
    """The methods of a service, by their names."""

    def __init__(self, name):
        self.descriptor = pool.FindServiceByName(name)

    def __getattr__(self, name):
        method = self.descriptor.FindMethodByName(name)
        kinds = {
            (False, False): channel.unary_unary,
            (False, True): channel.unary_stream,
            (True, False): channel.stream_unary,
            (True, True): channel.stream_stream,
        }
        return kinds[method.client_streaming, method.server_streaming](
            f"/{self.descriptor.full_name}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )


def message(type_name, /, **fields):
    descriptor = pool.FindMessageTypeByName(f"rollcall.v1.{type_name}")
    return message_factory.GetMessageClass(descriptor)(**fields)


def new_user(number):
    return message("NewUser", email=f"grpcio-{number}@example.com", name=f"Person {number}")


def refused(code, call):
    """The reason of a call that must fail with a code."""
    try:
        result = call()
        if hasattr(result, "__iter__"):
            list(result)
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        found = dict(error.trailing_metadata()).get("grpc-status-details-bin")
        if found is None:
            return None
        for detail in status_pb2.Status.FromString(found).details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                return info.reason
    raise AssertionError(f"it was not refused with {code} and a reason")


# What there is.
services = set(reflected.get_services())
assert "rollcall.v1.UserService" in services and "grpc.health.v1.Health" in services, services
health = pool.FindServiceByName("grpc.health.v1.Health").FindMethodByName("Check")
request = message_factory.GetMessageClass(health.input_type)()
assert Service("grpc.health.v1.Health").Check(request).status == 1

# Signing in.
sessions, users = Service("rollcall.v1.SessionService"), Service("rollcall.v1.UserService")
wrong = message("SignInRequest", email=email, password="something else")
reason = refused(grpc.StatusCode.UNAUTHENTICATED, lambda: sessions.SignIn(wrong))
assert reason == "invalid_credentials", reason
signed_in = sessions.SignIn(message("SignInRequest", email=email, password=password)).signed_in
bearer = [("authorization", f"Bearer {signed_in.access_token}")]

# One message each way.
create = message("CreateUserRequest", user=new_user("one"))
created, call = users.CreateUser.with_call(create, metadata=bearer + [("x-request-id", "mine")])
assert dict(call.initial_metadata())["x-request-id"] == "mine"
user = created.user
got = users.GetUser(message("GetUserRequest", id=user.id), metadata=bearer)
assert got.user == user, (got, user)
reason = refused(grpc.StatusCode.ALREADY_EXISTS, lambda: users.CreateUser(create, metadata=bearer))
assert reason == "email_taken", reason
update = message("UpdateUserRequest", user=message("User", id=user.id, name="Ada"))
update.update_mask.paths.append("name")
changed = users.UpdateUser(update, metadata=bearer, compression=grpc.Compression.Gzip).user
assert (changed.name, changed.email, changed.version) == ("Ada", user.email, 2), changed

# Many in, many out.
imports = (message("ImportUsersRequest", user=new_user(number)) for number in range(500))
done = users.ImportUsers(imports, metadata=bearer)
assert (done.received, done.created) == (500, 500), done
exported = list(users.ExportUsers(message("ExportUsersRequest"), metadata=bearer))
ids = [answer.user.id for answer in exported]
assert len(ids) >= 502 and ids == sorted(set(ids)), len(ids)

# Both at once: each answer is awaited before the next request is sent.
answered = threading.Semaphore(1)
sent = []


def operations():
    for answer in exported[-20:]:
        assert answered.acquire(timeout=30)
        delete = message("DeleteUserRequest", id=answer.user.id)
        sent.append(answer.user.id)
        yield message("BatchUsersRequest", key=answer.user.id, delete=delete)


for index, answer in enumerate(users.BatchUsers(operations(), metadata=bearer)):
    assert (answer.index, answer.key) == (index, sent[-1]), answer
    assert answer.WhichOneof("result") == "deleted", answer
    answered.release()
assert len(sent) == 20

# Following changes, and going on after a break.
watch = users.WatchUsers(message("WatchUsersRequest"), metadata=bearer)
token = next(watch).resume_token
watch.cancel()
users.SuspendUser(message("SuspendUserRequest", id=user.id), metadata=bearer)
watch = users.WatchUsers(message("WatchUsersRequest", resume_token=token), metadata=bearer)
changes = (answer.change for answer in watch if answer.HasField("change"))
change = next(changes)
assert (change.kind, change.user.HasField("suspended_at")) == ("user.suspended", True), change
users.DeleteUser(message("DeleteUserRequest", id=user.id), metadata=bearer)
change = next(changes)
assert (change.kind, change.user_id) == ("user.deleted", user.id), change
watch.cancel()

# What is wrong gets a proper status.
begin = time.monotonic()
watch = users.WatchUsers(message("WatchUsersRequest"), metadata=bearer, timeout=0.5)
refused(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: watch)
assert time.monotonic() - begin < 5
large = message("CreateUserRequest", user=message("NewUser", name="x" * (2 << 20)))
reason = refused(
    grpc.StatusCode.RESOURCE_EXHAUSTED, lambda: users.CreateUser(large, metadata=bearer)
)
assert reason == "payload_too_large", reason
nothing = channel.unary_unary("/rollcall.v1.UserService/Nothing")
assert refused(grpc.StatusCode.UNIMPLEMENTED, lambda: nothing(b"", metadata=bearer)) == "not_found"
garbage = channel.unary_unary("/rollcall.v1.UserService/CreateUser")
reason = refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: garbage(b"\xff\xff", metadata=bearer))
assert reason == "malformed_request", reason
anonymous = message("ListUsersRequest")
assert refused(grpc.StatusCode.UNAUTHENTICATED, lambda: users.ListUsers(anonymous)) is not None

# Signing out.
sessions.SignOut(message("SignOutRequest"), metadata=bearer)
refused(grpc.StatusCode.UNAUTHENTICATED, lambda: users.ListUsers(anonymous, metadata=bearer))
print("walked through")
