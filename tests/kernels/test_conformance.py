from __future__ import annotations

import pytest

from tests.kernels import hosts
from tests.kernels.build import affine_graph, manifest_for, product_graph
from tfcaf_forge import check_kernel
from tfcaf_forge.errors import InputError, KernelError
from tfcaf_forge.integrations.host import HostMixer
from tfcaf_forge.kernels.kernel import Kernel


def test_a_kernel_conforms_to_itself_even_when_compiled() -> None:
    found = check_kernel(hosts.kernel())
    assert found.passed, found.checks
    assert {"compile", "credit", "device", "pickle"} <= {check.id for check in found.checks}
    found.require()


def test_a_kernel_that_is_not_affine_conforms_and_has_no_credit_to_check() -> None:
    graph = product_graph()
    found = check_kernel(Kernel(graph, manifest_for(graph)), compiled=False)
    assert found.passed, found.failed
    assert "credit" not in {check.id for check in found.checks}


@pytest.mark.parametrize("host", [hosts.Wrapped, HostMixer], ids=["wrapped", "host"])
def test_an_honest_host_conforms(host: type) -> None:
    mixer = HostMixer(hosts.kernel()) if host is HostMixer else host()
    assert check_kernel(hosts.kernel(), mixer, compiled=False).failed == ()


def test_a_host_with_a_layout_of_its_own_conforms_by_name() -> None:
    mixer = HostMixer(hosts.kernel(), hosts.LAYOUT)
    assert check_kernel(hosts.kernel(), mixer, layout=hosts.LAYOUT).failed == ()


@pytest.mark.parametrize(("check", "host"), hosts.FAULTY.items(), ids=[h.__name__ for h in hosts.FAULTY.values()])
def test_a_faulty_host_is_caught_by_the_check_made_for_it(check: str, host: type) -> None:
    found = check_kernel(hosts.kernel(), host(), compiled=False)
    assert check.strip() in found.failed, found.checks
    with pytest.raises(KernelError, match=f"{check.strip()}:"):
        found.require()


def test_a_host_that_branches_on_values_is_caught_under_compilation() -> None:
    assert check_kernel(hosts.kernel(), hosts.GoesThroughNumpy()).failed == ("compile",)


def test_a_host_that_takes_its_columns_by_place_is_caught() -> None:
    found = check_kernel(hosts.kernel(), hosts.WrongOrder(), layout=hosts.LAYOUT, compiled=False)
    assert "value" in found.failed


def test_a_layout_that_lacks_a_field_is_refused_with_both_layouts() -> None:
    found = check_kernel(hosts.kernel(), HostMixer(hosts.kernel()), layout=("field[0]", "field[1]", "speed"))
    assert found.failed == ("layout",)
    (check,) = found.checks
    assert "lacks field[2]" in check.detail
    assert "[3] field[0], field[1], speed" in check.detail
    assert "[3] field[0], field[1], field[2]" in check.detail
    with pytest.raises(InputError, match="lacks field"):
        HostMixer(hosts.kernel(), ("field[0]",))
    with pytest.raises(InputError, match=r"names field\[0\] twice"):
        HostMixer(hosts.kernel(), ("field[0]", "field[0]", "field[1]", "field[2]"))


def test_a_kernel_whose_credit_is_another_functions_is_caught() -> None:
    graph = affine_graph()
    found = check_kernel(hosts.CreditOfAnother(graph, manifest_for(graph, q_scale=2.0)), compiled=False)
    assert found.failed == ("credit",)


def test_a_kernel_whose_manifest_names_other_fields_is_caught() -> None:
    import msgspec

    graph = affine_graph()
    manifest = msgspec.structs.replace(manifest_for(graph), layout=("a", "b"))
    assert check_kernel(Kernel(graph, manifest), compiled=False).failed == ("layout",)


def test_a_host_with_another_calling_convention_is_checked_through_it() -> None:
    class Transposed(hosts.Wrapped):
        def forward(self, local_q, state):
            return super().forward(local_q.squeeze(-1), state)

    found = check_kernel(
        hosts.kernel(), Transposed(), call=lambda mixer, q, s: mixer(q.unsqueeze(-1), s), compiled=False
    )
    assert found.failed == ()


def test_a_state_of_another_width_is_refused() -> None:
    import torch

    with pytest.raises(InputError, match="has 5 columns, the layout names 4"):
        HostMixer(hosts.kernel(), hosts.LAYOUT)(torch.zeros(1, 2), torch.zeros(1, 5))
