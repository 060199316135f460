"""What schemathesis cannot know of the API from its description."""

import os

import schemathesis

# The users that the run signs in as: nobody may take them away meanwhile.
OWN_IDS = set(os.environ["ROLLCALL_FUZZ_IDS"].split())
NOBODY = "00000000-0000-7000-8000-000000000000"

# Where a request is meant to be good, these are replaced by what is: the description
# tells their form, but whether they are good hangs on what is there.
GOOD = {
    "roles": ["user"],
    "password": "a long walk by the river",
    "expires_at": "2099-01-01T00:00:00Z",
}
# These are left out: a cursor is the service's own, a hash and an invitation too.
LEFT_OUT = {"cursor", "password_hash", "invitation"}
# Where a password is chosen; elsewhere it is that of somebody.
CHOOSES_A_PASSWORD = {"create_user", "register", "bootstrap"}


@schemathesis.hook
def before_call(context, case, kwargs):
    headers = case.headers or {}
    for name, value in headers.items():
        # Spin answers other bytes itself, before any component sees them.
        headers[name] = str(value).encode("ascii", "replace").decode()
    # Whether a key is good hangs on what was sent by it before; tests of their own try it.
    for name in [name for name in headers if name.lower() == "idempotency-key"]:
        del headers[name]
    if case.method != "GET" and (case.path_parameters or {}).get("id") in OWN_IDS:
        case.path_parameters["id"] = NOBODY
    if case.meta is not None and case.meta.generation.mode.is_positive:
        make_good(case)


def make_good(case):
    for name in [name for name in case.headers or {} if name.lower() == "if-match"]:
        case.headers[name] = '"1"'
    operation = case.operation.definition.raw.get("operationId")
    for members in (case.query, case.body):
        if not isinstance(members, dict):
            continue
        for name in LEFT_OUT & members.keys():
            del members[name]
        for name in GOOD.keys() & members.keys():
            if name != "password" or operation in CHOOSES_A_PASSWORD:
                members[name] = GOOD[name]
        if operation == "replace_role":
            members.pop("name", None)
