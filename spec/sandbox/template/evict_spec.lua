--- How many templates are kept. QEMU is a stand-in: each template has a few pages.

local core = require "kavach.core"
local host = require "support.host"
local lfs = require "lfs"
local saveable = require "support.saveable"
local standin = require "support.standin"

local HOUR <const>, DAY <const> = 3600, 24 * 3600

describe("Templates", function()
  local qemu
  setup(function()
    standin.setup()
    saveable.setup()
    qemu = saveable.program()
  end)
  teardown(function()
    saveable.teardown()
    standin.teardown()
  end)

  -- Starts a sandbox of a shape of its own. If that makes a template, the digest of it.
  local function start(shape)
    local options = saveable.options(qemu, { memory_limit_mb = 64 + shape })
    local template = saveable.start(options)
    return template.made and template.digest or nil
  end

  -- Makes templates that were used so many hours ago; their digests, sorted as names are.
  local function make(hours)
    local made = {}
    for shape in ipairs(hours) do made[shape] = assert(start(shape)) end
    for shape, ago in ipairs(hours) do
      local time = os.time() - ago * HOUR
      assert(lfs.touch(saveable.templates .. "/" .. made[shape], time, time))
    end
    return made
  end

  local function are_left(...)
    local expected = { ... }
    table.sort(expected)
    assert.same(expected, saveable.names())
  end

  -- How much room one takes on the disk, in MiB.
  local function size_of_one()
    saveable.new_cache()
    make { 0 }
    return saveable.only().entry.bytes / (1024 * 1024)
  end

  local function limited(count)
    local size = size_of_one()
    saveable.new_cache { KAVACH_TEMPLATE_MB = tostring((count + 0.5) * size) }
  end

  it("go, those used longest ago first, when all take too much room", function()
    limited(3)
    local made = make { 3, 1, 2 }
    are_left(table.unpack(made))
    local newest = start(4)
    are_left(made[2], made[3], newest)
    -- To be used is what counts.
    local time = os.time()
    assert(lfs.touch(saveable.templates .. "/" .. made[2], time - 5 * HOUR, time - 5 * HOUR))
    assert.is_nil(start(2))
    assert.is_true(lfs.attributes(saveable.templates .. "/" .. made[2], "modification") >= time)
    newest = { newest, start(5) }
    are_left(made[2], table.unpack(newest))
  end)

  it("stay as long as they are the newest, however large", function()
    saveable.new_cache { KAVACH_TEMPLATE_MB = "0" }
    for shape = 1, 3 do
      local newest = assert(start(shape))
      are_left(newest)
      assert.is_nil(start(shape))
    end
  end)

  it("take no more room than they may, even if all were used in the same second", function()
    limited(2)
    for shape = 1, 5 do
      assert(start(shape))
      local time = os.time()
      for _, name in ipairs(saveable.names()) do
        assert(lfs.touch(saveable.templates .. "/" .. name, time, time))
      end
      assert.is_true(#saveable.names() <= 2)
    end
  end)

  it("go when they were not used for a month, or for so many days as are set", function()
    saveable.new_cache()
    local made = make { 31 * DAY // HOUR, 29 * DAY // HOUR }
    are_left(made[1], made[2])
    local newest = start(3)
    are_left(made[2], newest)
    saveable.environment { XDG_CACHE_HOME = saveable.cache, KAVACH_TEMPLATE_DAYS = "28" }
    are_left(newest, start(4), start(3))
  end)

  it("go though others cannot", function()
    saveable.new_cache { KAVACH_TEMPLATE_MB = "0" }
    local stuck = ("f"):rep(32)
    assert(core.private_directory(("%s/%s/folder/in it"):format(saveable.templates, stuck)))
    host.write(("%s/%s/memory-1"):format(saveable.templates, stuck), ("x"):rep(100000))
    assert(os.execute(("touch -d @4000000000 '%s/%s'"):format(saveable.templates, stuck)))
    local digest = assert(start(1))
    local newest = assert(start(2))
    for _, name in ipairs(saveable.names()) do assert.not_equal(digest, name) end
    assert.is_truthy(lfs.attributes(saveable.templates .. "/" .. newest))
  end)

  it("that run as copies are not disturbed by it", function()
    saveable.new_cache { KAVACH_TEMPLATE_MB = "0" }
    assert(start(1))
    saveable.start(saveable.options(qemu, { memory_limit_mb = 65 }), function(box)
      assert.is_truthy(box.template.digest)
      local newest = start(2)
      are_left(newest)
      assert.equal("still\n", assert(box:exec "echo still").stdout)
    end)
  end)

  it("are not confused by what else lies there", function()
    saveable.new_cache { KAVACH_TEMPLATE_MB = "0" }
    assert(core.private_directory(saveable.templates .. "/" .. ("g"):rep(32)))
    host.write(saveable.templates .. "/" .. ("a"):rep(32), "a file")
    assert(start(1))
    local newest = start(2)
    are_left(newest, ("g"):rep(32))
  end)
end)
