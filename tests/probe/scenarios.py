"""What is done to a stack in the comparison of the two engines.

A scenario is a list of acts.  What each act comes to on the real engine is in `recorded.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HEADER = """
import pulumi
from pulumi import Alias, Output, ProviderResource, export
from pulumi import ResourceOptions as Opts
from probe_provider import Group, Probe, report
"""


@dataclass(frozen=True)
class Act:
    """One operation, with the program it runs (empty: the one before) and what goes wrong in it."""

    do: str
    program: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the operation.

    Names of resources in `replace`, `target` and `exclude` stand for their URNs.
    """
    taint: str = ""
    """Mark the resource of this name first."""
    config: Mapping[str, str] = field(default_factory=dict)
    """Set these values first."""


@dataclass(frozen=True)
class Scenario:
    """Acts on one stack, and what a reader should know of them."""

    about: str
    acts: tuple[Act, ...]
    unordered: bool = False
    """Independent resources: the order of the calls is chance."""
    since: str = "3.139.0"
    """The first SDK that has what is done here."""


def up(program: str = "", **details: Any) -> Act:
    """Describe an `up`."""
    return Act("up", program, **details)


def preview(program: str = "", **details: Any) -> Act:
    """Describe a `preview`."""
    return Act("preview", program, **details)


def refresh(**details: Any) -> Act:
    """Describe a `refresh`."""
    return Act("refresh", **details)


def destroy(**details: Any) -> Act:
    """Describe a `destroy`."""
    return Act("destroy", **details)


ONE = 'Probe("a", value=1)'
TWO = 'Probe("a", value=2)'
CHAIN = 'a = Probe("a", value={0}, replace={0}, delete_first={1}); Probe("b", {2}=a.serial)'
DBR = 'Probe("a", replace={}, delete_first=True)'
TIMEOUTS = (
    'Probe("a", value={}, '
    'opts=Opts(custom_timeouts=pulumi.CustomTimeouts(create="1h30m", update="1.5s", delete="90s")))'
)
PROTECTED = 'Probe("a", value={0}, replace={0}, delete_first=True, opts=Opts(protect=True))'
REPLACEABLE = 'Probe("a", value={}, opts=Opts(delete_before_replace=True))'
HALF = {"create": "partial"}
HOST = 'host = ProviderResource("pulumi-python", "host", {{"probe:greeting": {}}})\n'
NEEDY = """
a = Probe("a", value=1)
Probe("b", value=a.serial, more=[1, a.serial], deep={"x": a.serial, "y": 2})
"""
TRANSFORMED = """
def transform(args):
    urn = "urn:pulumi:dev::probe::x:y:Z::a"
    aliases = [Alias(name="a", parent=pulumi.ROOT_STACK_RESOURCE), Alias(name="a"), urn]
    more = Opts(aliases=aliases, additional_secret_outputs=["serial"])
    if args.type_ != "pulumi-python:dynamic/probe:Probe":
        return None
    props = {**args.props, "value": Output.secret(args.props["value"])}
    return pulumi.ResourceTransformationResult(props, Opts.merge(args.opts, more))
pulumi.runtime.register_stack_transformation(transform)
"""
BROKEN = {"create": "raise"}

SCENARIOS: dict[str, Scenario] = {
    "create": Scenario("A new resource is previewed and created.", (preview(ONE), up())),
    "no change": Scenario(
        "An unchanged resource is checked and compared.", (up(ONE), preview(), up())
    ),
    "update": Scenario("A changed input updates.", (up(ONE), preview(TWO), up())),
    "engine compares": Scenario(
        "Where the provider leaves it open, the engine compares the inputs.",
        (
            up('Probe("a", compare="engine", value={"x": 1})'),
            up('Probe("a", compare="engine", value={"x": 2})'),
            up(),
        ),
    ),
    "replace, create first": Scenario(
        "The new one is created, the old one deleted at the end.",
        (up('Probe("a", replace=1)'), preview('Probe("a", replace=2)'), up()),
    ),
    "replace, delete first": Scenario(
        "The provider wants the old one deleted first.",
        (up(DBR.format(1)), preview(DBR.format(2)), up()),
    ),
    "replace, delete first by option": Scenario(
        "The resource option beats the provider.",
        (
            up('Probe("a", replace=1, opts=Opts(delete_before_replace=True))'),
            up('Probe("a", replace=2, opts=Opts(delete_before_replace=True))'),
            up('Probe("a", replace=3, delete_first=True, opts=Opts(delete_before_replace=False))'),
        ),
    ),
    "--replace": Scenario(
        "One check without olds, no diff.",
        (
            up('Probe("a", value=1, opts=Opts(delete_before_replace=True))'),
            preview(options={"replace": ["a"]}),
            up(options={"replace": ["a"]}),
            up(),
        ),
    ),
    "--replace, create first": Scenario(
        "The provider is not asked which comes first.", (up(ONE), up(options={"replace": ["a"]}))
    ),
    "--replace repeated after a failed create": Scenario(
        "No diff, no delete: nothing tells the provider of the predecessor.",
        (
            up('Probe("a", value=1, opts=Opts(delete_before_replace=True))'),
            up(options={"replace": ["a"]}, faults=BROKEN),
            up(options={"replace": ["a"]}),
        ),
    ),
    "--replace repeated until it works": Scenario(
        "Each time the same bare create, also after another one has failed.",
        (
            up('Probe("a", value=1, opts=Opts(delete_before_replace=True))'),
            up(options={"replace": ["a"]}, faults=BROKEN),
            up(options={"replace": ["a"]}, faults=BROKEN),
            preview(options={"replace": ["a"]}),
            up(options={"replace": ["a"]}),
            up(options={"replace": ["a"]}),
        ),
    ),
    "up after a failed --replace": Scenario(
        "The next plain run compares with what was deleted.",
        (
            up('Probe("a", value=1, opts=Opts(delete_before_replace=True))'),
            up(options={"replace": ["a"]}, faults=BROKEN),
            up(),
        ),
    ),
    "taint": Scenario(
        "As --replace, once.",
        (up('Probe("a", value=1, opts=Opts(delete_before_replace=True))'), up(taint="a"), up()),
    ),
    "taint, then a failed create": Scenario(
        "The mark stays until the new one exists.",
        (
            up('Probe("a", value=1, opts=Opts(delete_before_replace=True))'),
            up(taint="a", faults=BROKEN),
            up(),
            up(),
        ),
    ),
    "replacement_trigger": Scenario(
        "A changed trigger replaces without a diff, a new one does not.",
        (
            up('Probe("a", value=1)'),
            up('Probe("a", value=1, opts=Opts(replacement_trigger="x"))'),
            preview('Probe("a", value=1, opts=Opts(replacement_trigger="y"))'),
            up(),
            up(
                'Probe("a", value=1, opts=Opts(replacement_trigger="z", '
                "delete_before_replace=True))"
            ),
        ),
        since="3.214.0",
    ),
    "replacement_trigger, then a failed create": Scenario(
        "As often as it takes without a diff and without a second delete, also when the trigger is "
        "put back.",
        (
            up(
                'Probe("a", value=1, opts=Opts(replacement_trigger="x", '
                "delete_before_replace=True))"
            ),
            up(
                'Probe("a", value=1, opts=Opts(replacement_trigger="y", '
                "delete_before_replace=True))",
                faults=BROKEN,
            ),
            preview(),
            up(faults=BROKEN),
            up(
                'Probe("a", value=1, opts=Opts(replacement_trigger="x", '
                "delete_before_replace=True))",
                faults=BROKEN,
            ),
            up(
                'Probe("a", value=1, opts=Opts(replacement_trigger="y", '
                "delete_before_replace=True))"
            ),
            up(),
        ),
        since="3.214.0",
    ),
    "failed create": Scenario(
        "Nothing is in the state; the next run creates.", (up(ONE, faults=BROKEN), up())
    ),
    "failed create, delete first": Scenario(
        "The old one waits in the state; the next run compares, and deletes no second time.",
        (up(DBR.format(1)), up(DBR.format(2), faults=BROKEN), preview(), up(), up()),
    ),
    "failed create, inputs changed back": Scenario(
        "It is still replaced.",
        (up(DBR.format(1)), up(DBR.format(2), faults=BROKEN), up(DBR.format(1))),
    ),
    "failed create, create first": Scenario(
        "The old one is untouched.",
        (up('Probe("a", replace=1)'), up('Probe("a", replace=2)', faults=BROKEN), up()),
    ),
    "failed delete, create first": Scenario(
        "The old one is deleted by the next run.",
        (
            up('Probe("a", replace=1)'),
            up('Probe("a", replace=2)', faults={"delete": "clean"}),
            up(),
        ),
    ),
    "failed delete, delete first": Scenario(
        "Nothing is created.",
        (up(DBR.format(1)), up(DBR.format(2), faults={"delete": "clean"}), up()),
    ),
    "failed update": Scenario(
        "The old state stays.", (up(ONE), up(TWO, faults={"update": "raise"}), up())
    ),
    "retain_on_delete and replace": Scenario(
        "The old one is let go.",
        (
            up(
                'Probe("a", replace=1, opts=Opts(retain_on_delete=True, '
                "delete_before_replace=True))"
            ),
            up(
                'Probe("a", replace=2, opts=Opts(retain_on_delete=True, '
                "delete_before_replace=True))"
            ),
            up('Probe("a", replace=3, opts=Opts(retain_on_delete=True))'),
            up("pass"),
        ),
    ),
    "retain_on_delete and --replace": Scenario(
        "The option that the state holds counts, not the one that comes with the replacement.",
        (
            up('Probe("a", value=1, opts=Opts(delete_before_replace=True))'),
            up(
                'Probe("a", value=1, opts=Opts(retain_on_delete=True, delete_before_replace=True))',
                options={"replace": ["a"]},
            ),
            up(options={"replace": ["a"]}, faults=BROKEN),
            up(options={"replace": ["a"]}),
            up(
                'Probe("a", value=1, opts=Opts(delete_before_replace=True))',
                options={"replace": ["a"]},
            ),
            up(options={"replace": ["a"]}),
        ),
    ),
    "retain_on_delete alone": Scenario(
        "Set or taken away without another change, it is kept; a destroy obeys it.",
        (
            up('Probe("a", value=1); Probe("b", value=1, opts=Opts(retain_on_delete=True))'),
            up('Probe("a", value=1, opts=Opts(retain_on_delete=True)); Probe("b", value=1)'),
            destroy(),
        ),
        unordered=True,
    ),
    "removal from the program": Scenario("It is deleted.", (up(ONE), preview("pass"), up())),
    "removal while a replacement waits": Scenario(
        "It is forgotten without a call.",
        (up(DBR.format(1)), up(DBR.format(2), faults=BROKEN), up("pass")),
    ),
    "alias": Scenario(
        "Found under its old name, by a spec and by a URN.",
        (
            up('Probe("a", value=1)'),
            preview('Probe("b", name="a", value=1, opts=Opts(aliases=[Alias(name="a")]))'),
            up(),
            up(
                'Probe("c", name="a", value=1, '
                'opts=Opts(aliases=["urn:pulumi:dev::probe::pulumi-python:dynamic/probe:Probe::b"]))'
            ),
            up(),
        ),
    ),
    "alias and replacement": Scenario(
        "Renamed and changed or triggered in the same run; a failed create leaves the old name, "
        "and the next run finds it.",
        (
            up(
                'Probe("a", value=1, opts=Opts(replacement_trigger="x", '
                "delete_before_replace=True))"
            ),
            up(
                'Probe("b", name="a", value=1, '
                'opts=Opts(aliases=[Alias(name="a")], replacement_trigger="y", '
                "delete_before_replace=True))",
                faults=BROKEN,
            ),
            up(),
            up(
                'Probe("a", value=1, replace=2, delete_first=True, '
                'opts=Opts(aliases=[Alias(name="b")], replacement_trigger="y"))',
                faults=BROKEN,
            ),
            up(),
        ),
        since="3.214.0",
    ),
    "alias and taint": Scenario(
        "The mark is found under the old name.",
        (
            up('Probe("a", value=1, opts=Opts(delete_before_replace=True))'),
            up(
                'Probe("b", name="a", value=1, opts=Opts(aliases=[Alias(name="a")], '
                "delete_before_replace=True))",
                taint="a",
                faults=BROKEN,
            ),
            up(),
            up(),
        ),
    ),
    "alias of what others depend on": Scenario(
        "Those speak of it by its new name.",
        (
            up('a = Probe("a"); Probe("b", value=a.serial)'),
            up(
                'a = Probe("z", name="a", opts=Opts(aliases=[Alias(name="a")])); Probe("b", '
                "value=a.serial)"
            ),
            up(),
        ),
    ),
    "alias of a component": Scenario(
        "Its children are found under their old names.",
        (
            up('g = Group("g"); Probe("g-a", value=1, opts=Opts(parent=g))'),
            up(
                'g = Group("h", Opts(aliases=[Alias(name="g")]))\n'
                'Probe("h-a", name="g-a", value=1, opts=Opts(parent=g))'
            ),
        ),
    ),
    "alias of no parent": Scenario(
        "A resource moves into a component.",
        (
            up('Probe("a", value=1)'),
            up(
                'g = Group("g"); Probe("a", value=1, opts=Opts(parent=g, '
                "aliases=[Alias(parent=pulumi.ROOT_STACK_RESOURCE)]))"
            ),
        ),
    ),
    "components": Scenario(
        "A component, one in it, and one with the root stack for a parent.",
        (
            up(
                'g = Group("g"); Probe("a", value=1, opts=Opts(parent=g)); h = Group("h", '
                "Opts(parent=g))\n"
                'Probe("b", value=1, opts=Opts(parent=h))\n'
                'Probe("c", value=1, opts=Opts(parent=pulumi.runtime.get_root_resource()))\n'
                'g.register_outputs({"x": 1})'
            ),
            up(),
            destroy(),
        ),
        unordered=True,
    ),
    "dependents, delete first": Scenario(
        "Dependents are asked with an unknown, deleted first and created anew.",
        (
            up(CHAIN.format(1, True, "upstream")),
            preview(CHAIN.format(2, True, "upstream")),
            up(),
            destroy(),
        ),
    ),
    "dependents that can be updated, delete first": Scenario(
        "Asked with an unknown, they stay and are updated.",
        (up(CHAIN.format(1, True, "value")), up(CHAIN.format(2, True, "value")), up()),
    ),
    "dependents, create first": Scenario(
        "They are replaced after it, the old ones deleted in reverse.",
        (up(CHAIN.format(1, False, "upstream")), preview(CHAIN.format(2, False, "upstream")), up()),
    ),
    "dependents by --replace": Scenario(
        "They are asked with an unknown too.",
        (
            up(
                'a = Probe("a", opts=Opts(delete_before_replace=True)); Probe("b", '
                "upstream=a.serial)"
            ),
            up(options={"replace": ["a"]}),
        ),
    ),
    "failed create, delete first, with dependents": Scenario(
        "Both wait in the state.",
        (
            up(CHAIN.format(1, True, "upstream")),
            up(CHAIN.format(2, True, "upstream"), faults={"create:a": "clean"}),
            up(),
        ),
    ),
    "deleted dependent is no longer wanted": Scenario(
        "It was deleted along, and is then forgotten.",
        (
            up(CHAIN.format(1, True, "upstream")),
            up('Probe("a", value=2, replace=2, delete_first=True)'),
        ),
    ),
    "depends_on": Scenario(
        "An order without a value.",
        (
            up('a = Probe("a", value=1); Probe("b", value=1, opts=Opts(depends_on=[a]))'),
            up(
                'a = Probe("a", value=1, opts=Opts(delete_before_replace=True)); '
                'Probe("b", value=1, opts=Opts(depends_on=[a]))',
                options={"replace": ["a"]},
            ),
            destroy(),
        ),
    ),
    "deleted_with": Scenario(
        "What goes with another is not deleted itself.",
        (
            up('a = Probe("a"); Probe("b", value=1, opts=Opts(deleted_with=a))'),
            destroy(),
        ),
    ),
    "deleted_with and delete first": Scenario(
        "It is replaced along.",
        (
            up(
                'a = Probe("a", replace=1, delete_first=True); Probe("b", value=1, '
                "opts=Opts(deleted_with=a))"
            ),
            up(
                'a = Probe("a", replace=2, delete_first=True); Probe("b", value=1, '
                "opts=Opts(deleted_with=a))"
            ),
        ),
    ),
    "unknown inputs": Scenario(
        "A preview hands unknowns to check and diff.",
        (
            preview('a = Probe("a", value=1); Probe("b", value=a.serial, more=[1, a.serial])'),
            up(),
            preview(
                'a = Probe("a", value=1, replace=1); Probe("b", value=a.serial, more=[1, a.serial])'
            ),
        ),
    ),
    "protect": Scenario(
        "Neither deleted nor replaced, and a preview says so.",
        (
            up('Probe("a", replace=1, opts=Opts(protect=True))'),
            preview('Probe("a", replace=2, opts=Opts(protect=True))'),
            up(),
            up("pass"),
            destroy(),
            up('Probe("a", replace=1)'),
            up("pass"),
        ),
    ),
    "protect inherited": Scenario(
        "From the parent.",
        (up('g = Group("g", Opts(protect=True)); Probe("a", opts=Opts(parent=g))'), destroy()),
    ),
    "ignore_changes": Scenario(
        "The old input is put back, but not in a replacement.",
        (
            up('Probe("a", value={"x": 1, "y": [1, 2]}, replace=1)'),
            up(
                'Probe("a", value={"x": 2, "y": [1, 3]}, replace=1, '
                'opts=Opts(ignore_changes=["value.x", "value.y[1]"]))'
            ),
            up('Probe("a", value=3, replace=2, opts=Opts(ignore_changes=["value"]))'),
        ),
    ),
    "replace_on_changes": Scenario(
        "Works where the engine compares.",
        (
            up(
                'Probe("a", compare="engine", value={"x": 1, "y": 1}, '
                'opts=Opts(replace_on_changes=["value.x"]))'
            ),
            up(
                'Probe("a", compare="engine", value={"x": 1, "y": 2}, '
                'opts=Opts(replace_on_changes=["value.x"]))'
            ),
            up(
                'Probe("a", compare="engine", value={"x": 2, "y": 2}, '
                'opts=Opts(replace_on_changes=["value.x"]))'
            ),
            up('Probe("a", value=1, opts=Opts(replace_on_changes=["value"]))'),
            up('Probe("a", value=2, opts=Opts(replace_on_changes=["value"]))'),
        ),
    ),
    "custom_timeouts": Scenario(
        "Are told to create, update and delete, and kept in the state.",
        (
            up(TIMEOUTS.format(1)),
            up(TIMEOUTS.format(2)),
            destroy(),
        ),
    ),
    "additional_secret_outputs": Scenario(
        "Outputs are kept as secrets.",
        (
            up(
                'a = Probe("a", opts=Opts(additional_secret_outputs=["serial"])); export("s", '
                "a.serial)"
            ),
            refresh(),
            up(),
        ),
    ),
    "secret inputs": Scenario(
        "The provider sees plain values; the state keeps the marks.",
        (
            up(
                'a = Probe("a", value=Output.secret("x"), more={"deep": [Output.secret(1)], '
                '"plain": 1}); export("v", a.value)'
            ),
            preview(),
            up(
                'Probe("a", value=Output.secret("y"), more={"deep": [Output.secret(1)], "plain": '
                "1})"
            ),
            refresh(),
            destroy(),
        ),
    ),
    "secret output of the provider": Scenario(
        "In the form of the wire.",
        (up('a = Probe("a", secret_note=True); export("n", a.note)'), up()),
    ),
    "configuration": Scenario(
        "The provider gets it; destroy has the one of the last update.",
        (
            up(
                'export("g", pulumi.Config("probe").get("greeting")); Probe("a")',
                config={"probe:greeting": "hello"},
            ),
            up(config={"probe:greeting": "again"}),
            destroy(config={"probe:greeting": "too late"}),
        ),
    ),
    "refresh": Scenario(
        "Unchanged, changed in an input, changed in another output, told with inputs, gone.",
        (
            up(ONE),
            refresh(),
            refresh(faults={"read": "output"}),
            refresh(faults={"read": "changed"}),
            up(),
            refresh(faults={"read": "inputs"}),
            up(),
            refresh(faults={"read": "gone"}),
            up(),
        ),
        since="3.216.0",
    ),
    "refresh that fails": Scenario(
        "The others are refreshed.",
        (
            up('Probe("a", value=1); Probe("b", value=1)'),
            refresh(faults={"read:a": "clean", "read:b": "changed"}),
        ),
        unordered=True,
    ),
    "refresh of what others depend on": Scenario(
        "Gone: nobody depends on it any more.",
        (
            up('a = Probe("a", value=1); Probe("b", value=a.serial)'),
            refresh(faults={"read:a": "gone"}),
            up(),
        ),
        unordered=True,
    ),
    "up --refresh": Scenario(
        "Read first, then the run.",
        (
            up(ONE),
            up(options={"refresh": True}),
            up(options={"refresh": True}, faults={"read": "changed"}),
            preview(options={"refresh": True}, faults={"read": "gone"}),
            up(options={"refresh": True}, faults={"read": "gone"}),
        ),
    ),
    "refresh while a replacement waits": Scenario(
        "It is not read.", (up(DBR.format(1)), up(DBR.format(2), faults=BROKEN), refresh(), up())
    ),
    "get": Scenario(
        "A resource of others is read in every run, and never deleted.",
        (
            preview(
                'a = Probe("a", value=1, opts=Opts(id="theirs")); export("i", a.id); export("v", '
                "a.value)"
            ),
            up(),
            up(),
            up(faults={"read": "output"}),
            refresh(),
            up("pass"),
        ),
    ),
    "get of an unknown id": Scenario(
        "Fails when the provider raises, and not when it says gone.",
        (
            up('Probe("a", opts=Opts(id="nobody"))', faults={"read": "clean"}),
            up(faults={"read": "gone"}),
        ),
    ),
    "get, then own": Scenario(
        "Taking over the name creates a resource; letting it go again deletes it.",
        (
            up('Probe("a", value=1, opts=Opts(id="theirs"))'),
            up(ONE),
            up('Probe("a", value=1, opts=Opts(id="theirs"))'),
        ),
    ),
    "partial failure": Scenario(
        "Id and outputs are kept, the next run updates until it is in order.",
        (
            up(ONE, faults={"create": "partial"}),
            preview(),
            up(faults={"update": "partial"}),
            up(),
            up(),
        ),
    ),
    "partial failure in an update": Scenario(
        "New outputs, old inputs.", (up(ONE), up(TWO, faults={"update": "partial"}), up())
    ),
    "partial failure in a replacement": Scenario(
        "The new one exists.",
        (
            up(DBR.format(1)),
            up(DBR.format(2), faults={"create": "partial"}),
            up(),
            up('Probe("a", replace=3)', faults={"create": "partial"}),
            up(),
        ),
    ),
    "partial failure and destroy": Scenario(
        "It is deleted.", (up(ONE, faults={"create": "partial"}), destroy())
    ),
    "partial failure and a replacement": Scenario(
        "What is not in order is deleted by its id and replaced as any other.",
        (
            up(DBR.format(1)),
            up(DBR.format(2), faults=HALF),
            preview(DBR.format(3)),
            up(faults=HALF),
            up(DBR.format(2)),
            up('Probe("a", replace=3)', faults=HALF),
            up('Probe("a", replace=4)'),
        ),
        unordered=True,
    ),
    "partial failure of an update again": Scenario(
        "The old inputs stay until an update succeeds; so the way back is no change, and yet an "
        "update.",
        (
            up(ONE),
            up(TWO, faults={"update": "partial"}),
            preview(),
            up(faults={"update": "partial, one reason"}),
            up(ONE),
            up(),
        ),
    ),
    "partial failure and refresh": Scenario(
        "Reading clears the errors, and may find new ones.",
        (
            up(ONE, faults=HALF),
            refresh(),
            up(),
            refresh(faults={"read": "partial"}),
            up(),
            up(TWO, faults={"update": "partial"}),
            up(options={"refresh": True}),
        ),
    ),
    "partial failure and --replace": Scenario(
        "One bare check, then the delete of what is not in order, as often as it takes.",
        (
            up(REPLACEABLE.format(1), faults=HALF),
            preview(options={"replace": ["a"]}),
            up(options={"replace": ["a"]}, faults=HALF),
            up(options={"replace": ["a"]}),
            up(taint="a", faults=HALF),
            up(),
        ),
    ),
    "partial failure and protect": Scenario(
        "It may be updated, not replaced.",
        (
            up(PROTECTED.format(1), faults=HALF),
            preview(PROTECTED.format(2)),
            up(),
            up(options={"replace": ["a"]}),
            up(PROTECTED.format(1)),
            destroy(),
        ),
    ),
    "partial failure, removed from the program": Scenario(
        "It is deleted.", (up(ONE, faults=HALF), up("pass"))
    ),
    "partial failure and replace_on_changes": Scenario(
        "All paths cover the errors too.",
        (up('Probe("a", value=1, opts=Opts(replace_on_changes=["*"]))', faults=HALF), up(), up()),
    ),
    "partial failure with dependents": Scenario(
        "They wait; the next run goes on to them.",
        (
            up(
                'a = Probe("a", value=1); Probe("b", value=a.serial)',
                faults={"create:a": "partial"},
            ),
            up(),
        ),
    ),
    "check failures": Scenario(
        "All are told, nothing is done, in a preview too.",
        (preview(ONE, faults={"check": "fail"}), up(faults={"check": "fail"}), up()),
    ),
    "failing calls": Scenario(
        "Each ends the run.",
        (
            up(ONE, faults={"check": "raise"}),
            up(ONE),
            up(TWO, faults={"diff": "clean"}),
            preview(TWO, faults={"diff": "clean"}),
            destroy(faults={"delete": "raise"}),
        ),
    ),
    "target": Scenario(
        "The rest is neither asked nor touched.",
        (
            up('Probe("a", value=1); Probe("b", value=1)'),
            up('Probe("a", value=2); Probe("b", value=2); Probe("c")', options={"target": ["a"]}),
            up("pass", options={"target": ["b"]}),
            destroy(options={"target": ["a"]}),
        ),
        unordered=True,
    ),
    "target and alias": Scenario(
        "What is renamed and not among the targets is neither asked nor touched.",
        (
            up('Probe("a", value=1); Probe("b", value=1)'),
            up(
                'Probe("c", name="a", value=2, opts=Opts(aliases=[Alias(name="a")])); Probe("b", '
                "value=2)",
                options={"target": ["b"]},
            ),
            up(options={"target": ["c"]}),
            up(),
        ),
        unordered=True,
    ),
    "target and taint": Scenario(
        "The mark of what is not among the targets stays.",
        (
            up('Probe("a", value=1); Probe("b", value=1)'),
            up(taint="a", options={"target": ["b"]}),
            up(options={"target": ["b"], "replace": ["b"]}),
            up(),
        ),
        unordered=True,
    ),
    "names that are not there": Scenario(
        "Replacing needs a resource in the state, under this very name; so do a refresh and a "
        "destroy. An up may create a target.",
        (
            up(ONE, options={"replace": ["a"]}),
            up(ONE),
            preview(
                'Probe("b", name="a", value=2, opts=Opts(aliases=[Alias(name="a")]))',
                options={"replace": ["b"]},
            ),
            up(options={"replace": ["b"]}),
            up('Probe("a", value=2); Probe("b")', options={"target": ["a", "c"]}),
            up('Probe("a", value=2); Probe("b")', options={"target": ["b"]}),
            refresh(options={"target": ["c"]}),
            destroy(options={"target": ["a", "c"]}),
        ),
    ),
    "target that something depends on": Scenario(
        "Deleting it without its dependents is refused.",
        (
            up('a = Probe("a"); Probe("b", value=a.serial)'),
            destroy(options={"target": ["a"]}),
            destroy(options={"target": ["a"], "target_dependents": True}),
        ),
    ),
    "target and what it needs": Scenario(
        "A target cannot be created without what it depends on.",
        (
            up('Probe("a")'),
            up(
                'a = Probe("a"); b = Probe("b"); Probe("c", value=b.serial)',
                options={"target": ["c"]},
            ),
        ),
        unordered=True,
        since="3.260.0",
    ),
    "destroy": Scenario(
        "Last ones first.",
        (
            up('a = Probe("a"); b = Probe("b", value=a.serial); Probe("c", value=b.serial)'),
            destroy(),
            up(ONE),
        ),
    ),
    "outputs": Scenario(
        "Replaced after success, merged after failure.",
        (
            up(
                'export("one", 1); export("two", {"x": [1, 2.5, True, None]}); export("s", '
                'Output.secret("x"))'
            ),
            up('export("one", 2); Probe("a"); raise pulumi.RunError("no")'),
            up('export("one", 3)'),
        ),
    ),
    "error in the log": Scenario(
        "Shown, and no more.",
        (up('pulumi.log.error("said"); Probe("a", value=1)'), up("pulumi.log.warn('said')")),
    ),
    "program that fails": Scenario(
        "Nothing is deleted.",
        (
            up(ONE),
            up('raise ValueError("no")'),
            up("import sys; sys.exit(7)"),
            up("import os; os._exit(3)"),
            up('Probe("a", value=1); Probe("a", value=1)'),
        ),
    ),
    "numbers": Scenario(
        "Whole ones stay whole in the state.",
        (up('Probe("a", value=[1, 1.0, 1.5, 2**53, True, None, "x"], more={"n": None})'), up()),
    ),
    "readStackResourceOutputs": Scenario(
        "The own stack as it is when asked: before the first run, after a resource of the same "
        "run, while a replacement waits.",
        (
            preview("report()"),
            up('a = Probe("a", replace=1, delete_first=True); report(a.serial)'),
            up(),
            up('Probe("a", replace=2, delete_first=True)', faults=BROKEN),
            preview("report()"),
            preview('report(name="dev")'),
            preview('report(name="probe/dev")'),
            preview('report(name="organization/probe/other")'),
            preview('report(name="organization/other/dev")'),
            preview('report(name="other")'),
        ),
        unordered=True,
    ),
    "exclude": Scenario(
        "What is excluded is neither asked nor touched nor deleted, whether named by its URN or by "
        "a pattern.",
        (
            up('Probe("a", value=1); Probe("b", value=1)'),
            preview('Probe("a", value=2); Probe("b", value=2)', options={"exclude": ["b"]}),
            up(options={"exclude": ["b"]}),
            up('Probe("a", value=3); Probe("b", value=3)', options={"exclude": ["**::a"]}),
            up("pass", options={"exclude": ["*::a"]}),
            up("pass", options={"exclude": ["b", "**:Probe::a"]}),
            up("pass", options={"exclude": ["nobody"]}),
        ),
        unordered=True,
    ),
    "exclude what does not exist": Scenario(
        "Its outputs stay unknown also in the update: who depends on it is made without them, and "
        "spoils the state.",
        (
            preview(NEEDY, options={"exclude": ["a"]}),
            up(options={"exclude": ["a"]}),
            preview(),
            up(),
            refresh(),
            destroy(),
        ),
    ),
    "exclude what does not exist, with an export": Scenario(
        "An unknown output of the stack is not kept.",
        (
            up('a = Probe("a", value=1); export("s", a.serial)', options={"exclude": ["a"]}),
            up(),
        ),
    ),
    "exclude and dependencies": Scenario(
        "What an excluded resource needs is not deleted either.",
        (
            up('a = Probe("a"); Probe("b", value=a.serial); Probe("c", value=1)'),
            preview("pass", options={"exclude": ["b"]}),
            up(options={"exclude": ["b"]}),
            up(options={"exclude": ["a"]}),
        ),
        unordered=True,
    ),
    "exclude a dependent of a replacement": Scenario(
        "It goes along with a delete first, and stays with a create first.",
        (
            up(CHAIN.format(1, True, "upstream")),
            up(CHAIN.format(2, True, "upstream"), options={"exclude": ["b"]}),
            up(CHAIN.format(3, False, "upstream"), options={"exclude": ["b"]}),
            up(),
        ),
    ),
    "exclude and --replace": Scenario(
        "What is excluded is not replaced; where something is to be replaced, nothing may depend "
        "on what is missing.",
        (
            up('Probe("a", value=1); Probe("b", value=1)'),
            up(options={"replace": ["b"], "exclude": ["b"]}),
            up(
                'Probe("a", value=1); Probe("b", value=1); c = Probe("c"); Probe("d", '
                "value=c.serial)",
                options={"replace": ["a"], "exclude": ["c"]},
            ),
        ),
        unordered=True,
    ),
    "exclude and alias": Scenario(
        "A pattern means the new name; the old one stays in the state.",
        (
            up('Probe("a", value=1)'),
            up(
                'Probe("b", name="a", value=2, opts=Opts(aliases=[Alias(name="a")]))',
                options={"exclude": ["b"]},
            ),
            up(),
        ),
    ),
    "exclude and a change of provider": Scenario(
        "What is left alone cannot keep a provider that is not registered.",
        (
            up(ONE),
            up(
                HOST.format("'theirs'") + 'Probe("a", value=1, opts=Opts(provider=host))',
                options={"exclude": ["a"]},
            ),
            up(),
        ),
    ),
    "exclude what needs something that is gone": Scenario(
        "Left alone, it stays behind what it needs, and is deleted before it.",
        (
            up('a = Probe("a"); Probe("b", value=a.serial)'),
            up('Probe("b", value=1)', options={"exclude": ["b"]}),
            destroy(),
        ),
    ),
    "exclude and refresh": Scenario(
        "It is not read; a name that is nowhere is refused before reading, and only then.",
        (
            up('Probe("a", value=1); Probe("b", value=1)'),
            up(options={"refresh": True, "exclude": ["a"]}, faults={"read": "changed"}),
            up(options={"refresh": True, "exclude": ["nobody"]}),
            up(options={"exclude": ["nobody"]}),
        ),
        unordered=True,
    ),
    "target by a pattern": Scenario(
        "As by a URN; so with replace.",
        (
            up('Probe("a", value=1); Probe("b", value=1)'),
            up('Probe("a", value=2); Probe("b", value=2)', options={"target": ["**::a"]}),
            up(options={"replace": ["**::b"]}),
            destroy(options={"target": ["**::b"]}),
        ),
        unordered=True,
    ),
    "explicit provider": Scenario(
        "It gets its own inputs and nothing of the stack's configuration; refresh and destroy take "
        "them from the state.",
        (
            preview(
                HOST.format("'theirs'") + 'Probe("a", value=1, opts=Opts(provider=host))',
                config={"probe:greeting": "ours", "probe:token": "ours"},
            ),
            up(),
            up(),
            up(HOST.format("'new'") + 'Probe("a", value=2, opts=Opts(provider=host))'),
            preview(options={"refresh": True}),
            refresh(),
            destroy(),
        ),
    ),
    "explicit provider beside the default one": Scenario(
        "Each has a process and a configuration of its own.",
        (
            up(
                HOST.format("'theirs'")
                + 'a = Probe("a", opts=Opts(provider=host)); Probe("b", value=a.serial)',
                config={"probe:greeting": "ours"},
            ),
            refresh(),
            up(),
            destroy(),
        ),
        unordered=True,
    ),
    "explicit provider with a secret": Scenario(
        "It is a secret in the state and plain to the provider.",
        (
            up(
                'host = ProviderResource("pulumi-python", "host", {"probe:token": '
                'Output.secret("hush"), "probe:greeting": "x"})\n'
                'Probe("a", opts=Opts(provider=host))'
            ),
            destroy(),
        ),
    ),
    "explicit provider without inputs": Scenario(
        "It is configured with nothing.",
        (
            up(
                'host = ProviderResource("pulumi-python", "host")\n'
                'Probe("a", opts=Opts(provider=host))',
                config={"probe:greeting": "ours"},
            ),
        ),
    ),
    "explicit provider with an unknown input": Scenario(
        "A preview does not ask it.",
        (
            preview(
                'b = Probe("b")\n'
                + HOST.format("b.serial")
                + 'Probe("a", value=1, opts=Opts(provider=host))'
            ),
            up(),
            preview(
                'b = Probe("b", replace=1)\n'
                + HOST.format("b.serial")
                + 'Probe("a", value=2, opts=Opts(provider=host))'
            ),
            up(),
        ),
    ),
    "explicit provider of a component": Scenario(
        "The component's children have it too.",
        (
            up(
                HOST.format("'theirs'")
                + 'g = Group("g", Opts(providers=[host])); Probe("a", opts=Opts(parent=g))'
            ),
            destroy(),
        ),
    ),
    "explicit provider, to and fro": Scenario(
        "A change of provider replaces nothing; the one that nobody has any more is deleted.",
        (
            up('Probe("a", value=1)', config={"probe:greeting": "ours"}),
            up(HOST.format("'theirs'") + 'Probe("a", value=1, opts=Opts(provider=host))'),
            up('Probe("a", value=2)'),
            up(HOST.format("'theirs'") + 'Probe("a", value=2, opts=Opts(provider=host))'),
            up("pass"),
        ),
    ),
    "explicit provider of another name": Scenario(
        "An alias leads to it.",
        (
            up(HOST.format("'theirs'") + 'Probe("a", value=1, opts=Opts(provider=host))'),
            up(
                'host = ProviderResource("pulumi-python", "new", {"probe:greeting": "theirs"}, '
                'Opts(aliases=[Alias(name="host")]))\n'
                'Probe("a", value=1, opts=Opts(provider=host))'
            ),
            destroy(),
        ),
    ),
    "explicit provider and get": Scenario(
        "A resource of others is read through it.",
        (
            up(HOST.format("'theirs'") + 'Probe("a", value=1, opts=Opts(id="its", provider=host))'),
            refresh(),
        ),
    ),
    "explicit provider and a target": Scenario(
        "Providers are always touched.",
        (
            up(HOST.format("'one'") + 'Probe("a", value=1, opts=Opts(provider=host)); Probe("b")'),
            up(
                HOST.format("'two'") + 'Probe("a", value=2, opts=Opts(provider=host)); Probe("b")',
                options={"target": ["b"]},
            ),
            up(options={"exclude": ["a"]}),
            up(options={"exclude": ["**::host"]}),
            destroy(options={"target": ["a"]}),
        ),
        unordered=True,
    ),
    "no default providers": Scenario(
        "Without an explicit one nothing is made; what the engine itself answers is.",
        (
            preview(ONE, config={"pulumi:disable-default-providers": '["*"]'}),
            up(),
            up(HOST.format("'theirs'") + 'a = Probe("a", opts=Opts(provider=host)); report(a.id)'),
            up(ONE, config={"pulumi:disable-default-providers": '["aws", "pulumi-python"]'}),
            up(ONE, config={"pulumi:disable-default-providers": '["aws"]'}),
            up(ONE, config={"pulumi:disable-default-providers": ""}),
            up(ONE, config={"pulumi:disable-default-providers": "no list"}),
        ),
        unordered=True,
    ),
    "stack transformation": Scenario(
        "It acts in the program: aliases and secrets are as if they had been written there.",
        (
            up('Probe("a", value="x")'),
            up(TRANSFORMED + 'Probe("b", name="a", value="x")'),
            up(),
            up(
                TRANSFORMED + 'g = Group("g"); Probe("b", name="a", value="x", opts=Opts(parent=g))'
            ),
            destroy(),
        ),
        unordered=True,
    ),
}
