local host = require "support.host"
local sandbox = require "kavach.sandbox"

describe("A virtual machine with every limit #vm", function()
  local box
  setup(function()
    box = assert(sandbox.new {
      backend = "tcg", policy = "strict", max_pids = 40, env = { LANG = "C" },
    })
  end)
  teardown(function() if box then box:close() end end)

  local function out(command, options)
    local r = assert(box:exec(command, options))
    return r.stdout, r.stderr, r
  end

  it("lets so many processes run, and not one more", function()
    local said, errors, r = out("for i in $(seq 100); do sleep 60 & echo $i; done",
      { timeout_ms = 60000 })
    -- With the shell.
    assert.matches("\n39\n$", said)
    assert.matches("can't fork", errors)
    assert.not_equal(0, r.exit_code)
  end)

  it("stops a fork bomb, and lives on", function()
    out("bomb() { bomb | bomb & }; bomb; sleep 1", { timeout_ms = 60000 })
    assert.equal("alive\n", (out "echo alive"))
    assert.is_true(tonumber((out "cat /sys/fs/cgroup/pids.events"):match "max (%d+)") > 0)
  end)

  it("gives a loop half a processor", function()
    local share
    for _ = 1, 3 do -- a guest that is starved of the host's time gets less than its share
      local _, _, r = out("timeout 4 sh -c 'while :; do :; done'", { timeout_ms = 60000 })
      share = r.cpu_ms / r.duration_ms
      assert.is_true(share < 0.55, share)
      if share > 0.45 then break end
    end
    assert.is_true(share > 0.45, share)
  end)

  it("ends who wants 2 GB of its 256 MB, and lives on", function()
    local said, errors, r = out(
      "awk 'BEGIN { x = \"x\"; for (i = 0; i < 31; i++) x = x x; print length(x) }'; echo alive",
      { timeout_ms = 60000 })
    assert.same({ true, "alive\n", "Killed\n" }, { r.oom_killed, said, errors })
    assert.equal("alive\n", (out "echo alive"))
  end)

  it("has a root that cannot be written, and places that can", function()
    for _, path in ipairs { "/x", "/etc/x", "/root/x", "/var/tmp/x", "/bin/x" } do
      assert.matches("Read%-only file system", (select(2, out("touch " .. path))))
    end
    assert.equal("", (select(2, out "touch /tmp/x /run/x /dev/shm/x")))
    local ok, why = box:put("/etc/passwd", "/etc/new")
    assert.is_nil(ok)
    assert.matches("the file system is read-only", why.message, 1, true)
    assert(box:put("/etc/passwd", "/tmp/passwd"))
  end)

  it("lets nobody undo them, not even root", function()
    assert.equal("0\n", (out "id -u"))
    for _, attempt in ipairs {
      "echo max >/sys/fs/cgroup/pids.max", "echo max >/sys/fs/cgroup/cpu.max",
      "echo $$ >/sys/fs/cgroup/cgroup.procs", "echo '|/bin/sh' >/proc/sys/kernel/core_pattern",
      "mount -o remount,rw /", "mount -o remount,rw,bind /", "mount -o remount,rw /sys/fs/cgroup",
      "umount /sys", "mount -t cgroup2 none /tmp", "mount -t tmpfs none /bin",
      "ls /proc/1/root/", "ls /proc/1/fd/0", "nsenter -t 1 -m true",
      "insmod /lib/modules/*/kernel/fs/overlayfs/overlay.ko",
      "unshare -Urm mount -t cgroup2 none /tmp",
      "unshare -Urm sh -c 'mount -o remount,rw,bind / && touch /x'",
      "unshare -Urm umount /sys", "unshare -Urmp -f mount -t proc none /proc",
    } do
      local r = assert(box:exec("exec 2>&1; " .. attempt))
      assert.is_true(r.exit_code ~= 0 and r.exit_code ~= 127, attempt .. ": " .. r.stdout)
    end
    assert.equal("40\n50000 100000\n",
      (out "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max"))
  end)
end)

-- What takes a system call that no shell has: by the host's perl.
describe("A virtual machine with limits and a root that can be written #vm", function()
  local box
  setup(function()
    box = assert(sandbox.new { backend = "tcg", root = "/", max_pids = 40, env = { LANG = "C" } })
  end)
  teardown(function() if box then box:close() end end)

  it("lets no process be started in a group outside of the bounds", function()
    -- clone3(2) with CLONE_INTO_CGROUP, which asks no mount whether it is read-only.
    local r = assert(box:exec { "/usr/bin/perl", "-e", [[
      for my $folder ("/sys/fs/cgroup", "/sys/fs/cgroup/..") {
        opendir(my $dir, $folder) or die;
        my $arguments = pack("Q11", 0x200000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, fileno($dir));
        my $pid = syscall(435, $arguments, 88);
        if ($pid == 0) { print "out\n", `cat /proc/self/cgroup`; exit }
        print $pid, "\n";
      }
    ]] })
    assert.equal("-1\n-1\n", r.stdout)
  end)

  it("lets nobody take the agent into a group of their own, to freeze it", function()
    -- A name space for groups lets root mount them, and root owns the files in them.
    local r = assert(box:exec [[
      unshare -Urm -C sh -c 'mount -t cgroup2 none /mnt && echo mounted; echo 1 >/mnt/cgroup.procs'
      ]])
    assert.same({ "mounted\n", 1 }, { r.stdout, r.exit_code })
    assert.equal("0::/\n", assert(box:exec "cat /proc/1/cgroup").stdout)
  end)

  it("lets the kernel start no program of a command's", function()
    -- request_key(2), which starts this one with all that root can do.
    local r = assert(box:exec [[
      mkdir -p /sbin
      printf '#!/bin/sh\ncat /proc/self/cgroup >/tmp/out\n' >/sbin/request-key
      chmod +x /sbin/request-key
      /usr/bin/perl -e 'my @what = ("user", "kavach", ""); print syscall(249, @what, 0), "\n"'
      cat /tmp/out]])
    assert.equal("-1\n", r.stdout)
    assert.matches("/tmp/out: No such file", r.stderr, 1, true)
  end)
end)

describe("A virtual machine with a read-only root and a share #vm", function()
  it("mounts before the root is closed, and the share's commands work", function()
    local folder <const>, remove = host.folder()
    host.write(folder .. "/file", "from the host\n")
    local box <close> = assert(sandbox.new {
      backend = "tcg", transport = "share", read_only_rootfs = true, disk_mb = 16,
      mounts = { { source = folder, target = "/new/place" } },
    })
    local r = assert(box:exec
      "cat /new/place/file; touch /x; dd if=/dev/zero of=/tmp/x bs=1M count=64")
    remove()
    assert.equal("from the host\n", r.stdout)
    assert.matches("/x: Read%-only file system", r.stderr)
    assert.matches("No space left on device", r.stderr, 1, true)
  end)
end)
