"""Finding and reading cgroups, on trees of plain files laid out as the kernel's."""

import os
from pathlib import Path

import pytest

from shared_lua.contract import PeakScope
from worker_agent.errors import UnknownLayoutError
from worker_agent.sandboxes.cgroup import V1, V2, Mount, V1Cgroup, V2Cgroup, find_layout, quota_us

V1_MOUNTS = """\
24 30 0:22 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
27 30 0:25 / /sys/fs/cgroup/blkio rw,nosuid shared:12 - cgroup cgroup rw,blkio
28 30 0:26 / /sys/fs/cgroup/freezer rw,nosuid shared:13 - cgroup cgroup rw,freezer
25 30 0:23 / /sys/fs/cgroup/memory rw,nosuid shared:10 - cgroup cgroup rw,memory
26 30 0:24 / /sys/fs/cgroup/unified rw,nosuid shared:11 - cgroup2 cgroup2 rw
31 1 254:0 / / rw,relatime - ext4 /dev/vda rw
"""


def v2_mounts(point: Path) -> str:
    return f"30 23 0:26 / {point} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_a_hybrid_host_counts_as_v1() -> None:
    assert isinstance(find_layout(V1_MOUNTS), V1)


def test_a_tree_with_the_controllers_is_v2(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")

    assert isinstance(find_layout(v2_mounts(tmp_path)), V2)


def test_a_bare_v2_tree_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("\n")

    with pytest.raises(UnknownLayoutError, match="no known cgroup layout"):
        find_layout(v2_mounts(tmp_path))


def test_a_host_without_cgroups_is_refused_with_a_sentence() -> None:
    with pytest.raises(UnknownLayoutError, match="no known cgroup layout"):
        find_layout("31 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n")


@pytest.mark.parametrize(
    ("root", "cgroup", "path"),
    [
        ("/", "/docker/abc", "docker/abc"),
        ("/", "/system.slice/docker-abc.scope", "system.slice/docker-abc.scope"),
        ("/outer", "/outer/docker/abc", "docker/abc"),
    ],
)
def test_a_cgroups_name_is_resolved_against_what_is_mounted(root: str, cgroup: str, path: str) -> None:
    assert Path(os.path.normpath(Mount(Path("/m"), root).path(cgroup))) == Path("/m") / path


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    (tmp_path / "cpuacct.usage").write_text("123456789\n")
    (tmp_path / "memory.max_usage_in_bytes").write_text("9000000\n")
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    (tmp_path / "cpuacct.usage_sys").write_text("23456789\n")
    (tmp_path / "blkio.throttle.io_service_bytes").write_text(
        "8:0 Read 4096\n8:0 Write 1024\n8:0 Total 5120\n8:16 Read 100\n8:16 Write 0\n8:16 Total 100\nTotal 5220\n"
    )
    (tmp_path / "freezer.state").write_text("THAWED\n")
    (tmp_path / "memory.limit_in_bytes").write_text("1\n")
    (tmp_path / "memory.memsw.limit_in_bytes").write_text("1\n")
    (tmp_path / "cpu.cfs_quota_us").write_text("-1\n")
    return tmp_path


def test_v1_counters_are_read_through_open_descriptors(v1: Path) -> None:
    cgroup = V1Cgroup(v1, v1, v1, v1, v1)
    (v1 / "cpuacct.usage").write_text("223456789\n")

    reading, kills = cgroup.read(), cgroup.oom_kills()
    cgroup.close()

    assert (reading.cpu_us, reading.cpu_system_us, reading.peak_memory_bytes, kills) == (223_456, 23_456, 9_000_000, 2)
    assert (reading.io_read_bytes, reading.io_write_bytes) == (4196, 1024)
    assert cgroup.peak_scope is PeakScope.INVOCATION


def test_v1_cpu_is_limited_in_proportion_to_memory(v1: Path) -> None:
    cgroup = V1Cgroup(v1, v1, v1, v1, v1)

    cgroup.limit_cpu(1769)
    cgroup.close()

    assert (v1 / "cpu.cfs_quota_us").read_text() == "100000"


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    (tmp_path / "cpu.stat").write_text("usage_usec 777\nuser_usec 500\nsystem_usec 277\n")
    (tmp_path / "memory.peak").write_text("8000000\n")
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 4\noom 1\noom_kill 1\n")
    (tmp_path / "io.stat").write_text(
        "8:0 rbytes=4096 wbytes=1024 rios=1 wios=1 dbytes=0 dios=0\n8:16 rbytes=100 wbytes=0 rios=1 wios=0\n"
    )
    (tmp_path / "cgroup.freeze").write_text("0\n")
    (tmp_path / "cgroup.kill").write_text("")
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "cpu.max").write_text("max 100000\n")
    return tmp_path


def test_v2_counters_are_read(v2: Path) -> None:
    cgroup = V2Cgroup(v2)
    (v2 / "memory.peak").write_text("8000000\n")

    reading, kills = cgroup.read(), cgroup.oom_kills()
    cgroup.limit_cpu(128)
    cgroup.close()

    assert (reading.cpu_us, reading.cpu_system_us, reading.peak_memory_bytes, kills) == (777, 277, 8_000_000, 1)
    assert (reading.io_read_bytes, reading.io_write_bytes) == (4196, 1024)
    assert (v2 / "cpu.max").read_text() == "7235 100000"


def test_a_kernel_that_does_not_count_peaks_is_refused_by_the_files_name(v2: Path) -> None:
    (v2 / "memory.peak").unlink()

    with pytest.raises(UnknownLayoutError, match=r"memory\.peak is missing"):
        V2Cgroup(v2)


def test_the_smallest_share_is_one_the_kernel_takes() -> None:
    assert [quota_us(mb) for mb in (1, 64, 1769, 10_240)] == [1000, 3617, 100_000, 578_858]


def test_v1_freezes_thaws_and_limits_by_its_own_files(v1: Path) -> None:
    cgroup = V1Cgroup(v1, v1, v1, v1, v1)

    cgroup.freeze()
    frozen = (v1 / "freezer.state").read_text()
    cgroup.thaw()
    cgroup.limit_memory(134_217_728)
    cgroup.close()

    assert (frozen, (v1 / "freezer.state").read_text()) == ("FROZEN\n", "THAWED\n")
    assert {(v1 / f"memory.{name}limit_in_bytes").read_text() for name in ("", "memsw.")} == {"134217728"}


def test_v2_freezes_thaws_and_limits_by_its_own_files(v2: Path) -> None:
    cgroup = V2Cgroup(v2)

    cgroup.freeze()
    frozen = (v2 / "cgroup.freeze").read_text()
    cgroup.thaw()
    cgroup.limit_memory(134_217_728)
    cgroup.close()

    assert (frozen, (v2 / "cgroup.freeze").read_text()) == ("1\n", "0\n")
    assert (v2 / "memory.max").read_text() == "134217728"


def test_v1_cannot_kill_all_in_it_by_one_write_and_changes_nothing(v1: Path) -> None:
    cgroup = V1Cgroup(v1, v1, v1, v1, v1)
    before = {path.name: path.read_text() for path in v1.iterdir()}

    assert not cgroup.kill()

    cgroup.close()
    assert {path.name: path.read_text() for path in v1.iterdir()} == before


def test_v2_kills_all_in_it_by_one_write(v2: Path) -> None:
    cgroup = V2Cgroup(v2)
    (v2 / "cgroup.freeze").write_text("1\n")

    assert cgroup.kill()

    cgroup.close()
    assert ((v2 / "cgroup.kill").read_text(), (v2 / "cgroup.freeze").read_text()) == ("1", "1\n")
