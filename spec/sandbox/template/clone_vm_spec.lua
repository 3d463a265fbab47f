--- Real guests that are copies of one saved guest: each is a machine of its own.

local core = require "kavach.core"
local host = require "support.host"
local kds_server = require "support.kds_server"
local lfs = require "lfs"
local sandbox = require "kavach.sandbox"
local saveable = require "support.saveable"
local setup_steps = require "kavach.sandbox.setup"
local small_root = require "support.small_root"
local standin = require "support.standin"
local task = require "kavach.task"
local transfer = require "kavach.sandbox.transfer"

local SECOND_NS <const> = 1000 * 1000 * 1000
local EBUSY <const> = 16

-- Starts one, which says whether it was saved or is a copy.
local function start(options)
  local all = { backend = "tcg", memory_limit_mb = 128 }
  for name, value in pairs(options or {}) do all[name] = value end
  local box = assert(sandbox.new(all))
  assert(box.template.digest, box.template.why)
  return box, box.template.made and "saved" or "copy"
end

local function run(box, line)
  local r = assert(box:exec(line))
  assert.same({ 0, "" }, { r.exit_code, r.stderr }, line)
  return r.stdout
end

-- How far the guest's clock is from the host's, in milliseconds, as its first command finds it: at
-- the least and at the most.
local function clock_error(box)
  local before = core.wall_clock()
  local said = run(box, "adjtimex")
  local after = core.wall_clock()
  local guest = said:match "tv_sec:%s*(%d+)" * SECOND_NS + said:match "tv_usec:%s*(%d+)" * 1000
  return (guest - after) / 1e6, (guest - before) / 1e6
end

local function digest_of(path)
  local file <close> = assert(io.open(path, "rb"))
  local job = core.sparse_digest(file)
  task.wait(function(done) core.work(job:work(), job, done) end)
  return assert(job:result())
end

-- What must not be the same in two machines, a line each.
local FACTS <const> = [[
  for device in urandom random; do head -c 16 /dev/$device | md5sum; done
  cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/boot_id /etc/machine-id /etc/hostname
  mktemp -u
  grep -F '[stack]' /proc/self/maps
  hostname | md5sum
]]

local function facts(box)
  local list = {}
  for line in run(box, FACTS):gmatch "[^\n]+" do list[#list + 1] = line end
  assert.equal(9, #list)
  return list
end

local function differ(list)
  for i = 2, #list do
    for j = 1, i - 1 do assert.not_equal(list[i], list[j]) end
  end
end

-- What a program of the host that is in the guest makes: a key as for TLS.
local OPENSSL <const> = "/usr/bin/openssl"
-- With a shell that has sockets.
local FETCH <const> = [[
  exec 3<>/dev/tcp/host/%d; printf 'GET / HTTP/1.0\r\n\r\n' >&3; sed '1,/^.$/d' <&3]]

describe("Copies of a saved guest #vm", function()
  setup(function()
    standin.setup()
    saveable.setup "on the disk"
  end)
  teardown(function()
    saveable.teardown()
    standin.teardown()
  end)

  it("are machines of their own, and leave no trace", function()
    local all, dirs = {}, {}
    local memory, before, digest
    for i, expected in ipairs { "saved", "copy", "copy" } do
      local box <close>, is = start()
      assert.equal(expected, is)
      assert.same({}, box.vm.console:lines())
      all[i] = facts(box)
      -- A word on a disk in memory, in a program's memory and on the command line.
      assert.equal("", run(box, "find /tmp /run /dev/shm -type f"))
      for _, place in ipairs { "/tmp", "/run", "/dev/shm" } do
        run(box, ("echo a-word-that-only-$((7 * 11 * 13))-has >%s/file"):format(place))
      end
      local running <close> = box:start "a=only-$((7 * 11 * 13)); a=a-word-that-$a-has; read line"
      assert(running:wait_started())
      run(box, "cat /tmp/file >/dev/null; sync")
      dirs[i] = box.vm.dir
      if is == "saved" then
        local one = saveable.only()
        memory, before = one.memory, core.file_facts(one.memory)
        digest = one.entry.manifest.memory.digest
      end
    end
    for line = 1, #all[1] do differ { all[1][line], all[2][line], all[3][line] } end
    local now = core.file_facts(memory)
    assert.same({ before.ino, before.mtime_ns, before.ctime_ns, before.allocated, digest },
      { now.ino, now.mtime_ns, now.ctime_ns, now.allocated, digest_of(memory) })
    for _, dir in ipairs(dirs) do assert.is_false(standin.exists(dir)) end
    local found = io.popen(("grep -r -l -a -F a-word-that-only-1001-has '%s' '%s'"):format(
      saveable.cache, dirs[1]:match "^(.*)/"))
    assert.equal("", found:read "a")
    found:close()
  end)

  it("are called as the sandbox is, and take no second identity", function()
    local box <close>, is = start { name = "a-name" }
    assert.equal("copy", is)
    assert.equal("a-name\na-name\n", run(box, "hostname; cat /etc/hostname"))
    local cause
    transfer.step(box.vm.agent, setup_steps.identity("another", 1), function(why)
      cause = why or "none"
    end)
    assert.is_true(host.eventually(function() return cause end))
    assert.equal(EBUSY, cause.errno)
    assert.matches("could not be set up", select(2, box:exec "true").message, 1, true)
  end)

  for year, is in pairs { [2001] = "behind", [2040] = "ahead" } do
    it(("have the host's time, though the saved one was years %s"):format(is), function()
      -- The guest boots at that time, and is saved before it has been told another.
      local qemu = standin.shell(("exec '%s' -rtc base=%d-01-01T00:00:00 \"$@\""):format(
        core.qemu_find(), year))
      local options = { qemu_path = qemu, template = true }
      do
        local box <close>, what = start(options)
        assert.equal("saved", what)
        if is == "ahead" then -- else it has been told
          assert.equal(tostring(year), run(box, "date +%Y"):sub(1, 4))
        end
      end
      local behind, ahead
      for _ = 1, 3 do -- on a busy machine it takes more than one
        local box <close>, what = start(options)
        assert.equal("copy", what)
        behind, ahead = clock_error(box)
        if ahead > -100 and behind < 100 then return end
      end
      error(("its first command's clock is %.0f to %.0f ms ahead"):format(behind, ahead))
    end)
  end

  -- ---- what each has of its own ---------------------------------------------------------------

  it("have roots, mounts, limits and a network of their own", function()
    if not kds_server.here() then
      return pending "luv is not installed, which the server runs on"
    end
    local folder, remove = host.folder()
    local _ <close> = setmetatable({}, { __close = remove })
    local ids, keys = {}, {}
    for i, expected in ipairs { "saved", "copy" } do
      local ro, rw = ("%s/ro-%d"):format(folder, i), ("%s/rw-%d"):format(folder, i)
      assert(lfs.mkdir(ro) and lfs.mkdir(rw))
      host.write(ro .. "/file", "of " .. i .. "\n")
      local server <close> = kds_server.start { ["*"] = { { body = "page " .. i } } }
      local port = tonumber(server.url:match ":(%d+)")
      local box <close>, is = start {
        memory_limit_mb = 192, root = "/", max_pids = 20 + i, cpu_limit = 1.5 + i / 10,
        read_only_rootfs = i == 2,
        mounts = {
          { source = ro, target = "/mnt" }, { source = rw, target = "/srv", readonly = false },
        },
        network = { enabled = true, allowed_hosts = { "host" }, allowed_ports = { port } },
      }
      assert.equal(expected, is)
      assert.equal(("of %d\n"):format(i), run(box, "cat /mnt/file"))
      assert.matches("Read%-only", assert(box:exec "echo >/mnt/file").stderr)
      run(box, "echo from the guest >/srv/file")
      assert.equal("from the guest\n", host.slurp(rw .. "/file"))
      local written = assert(box:exec "echo >/usr/new-file")
      assert.equal(i == 2, written.exit_code ~= 0)
      assert.is_nil(lfs.attributes "/usr/new-file")
      assert.equal(("page %d"):format(i), run(box, { "bash", "-c", FETCH:format(port) }))
      assert.equal(("%d\n%d 100000\n"):format(20 + i, 150000 + 10000 * i),
        run(box, "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max"))
      ids[i] = run(box, "cat /etc/machine-id")
      assert.not_equal(host.slurp "/etc/machine-id", ids[i])
      keys[i] = run(box, { OPENSSL, "genpkey", "-algorithm", "X25519" })
    end
    differ(ids)
    for _, key in ipairs(keys) do assert.matches("BEGIN PRIVATE KEY", key) end
    differ(keys)
  end)

  it("have images and disks of their own, whatever their size", function()
    local folder, remove = host.folder()
    local _ <close> = setmetatable({}, { __close = remove })
    local root = small_root.make(folder)
    local first = small_root.squashfs(root, folder .. "/first")
    if not first then return pending "there is no mksquashfs" end
    host.write(root .. "/etc/mark", "of the second\n")
    assert(os.execute(("head -c 3000000 /dev/urandom >'%s/etc/more'"):format(root)))
    local second = small_root.squashfs(root, folder .. "/second")
    for _, case in ipairs {
      { "saved", first, 8, "of the root\n" }, { "copy", second, 16, "of the second\n" },
      { "copy", first, 6, "of the root\n" },
    } do
      local box <close>, is = start { image = case[2], disk_mb = case[3] }
      assert.equal(case[1], is)
      assert.equal(case[4], run(box, "cat /etc/mark"))
      run(box, "cat /bin/busybox /etc/* >/dev/null")
      run(box, "echo changed >/etc/mark; dd if=/dev/zero of=/tmp/zeros bs=1M count=4 2>/dev/null")
      local mib = run(box, "df -m /tmp"):match "\n%S+%s+(%d+)"
      assert.is_true(mib + 0 > case[3] * 0.7 and mib + 0 <= case[3])
      local full = assert(box:exec "dd if=/dev/zero of=/tmp/more bs=1M count=16")
      assert.matches("No space left", full.stderr)
    end
  end)
end)
