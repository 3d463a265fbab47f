local guest = require "support.guest_program"
local json = require "kavach.json"
local lfs = require "lfs"
local standin = require "support.standin"

local cache

--- Runs a shell line in which $K is kavach, with the real QEMU and templates of its own.
local function shell(line)
  local env = guest.environment()
  env.K, env.XDG_CACHE_HOME = guest.kavach, cache
  local r = assert(require("kavach.process").exec({ "bash", "-c", line },
    { env = env, timeout_ms = 60000 }))
  assert.is_false(r.timed_out)
  return r.exit_code, r.stdout, r.stderr
end

local function ok(line)
  local code, out, errors = shell(line)
  assert.same({ 0, "" }, { code, errors }, line)
  return out
end

local function document(line)
  return assert(json.decode(ok(line)))
end

describe("kavach template with real virtual machines #vm", function()
  setup(guest.setup)
  teardown(guest.teardown)
  before_each(function() cache = standin.folder .. "/cache-of-templates" end)
  after_each(function()
    shell "$K stop --all --grace 0s"
    guest.assert_nothing_left()
    os.execute("rm -rf '" .. cache .. "'")
  end)

  it("makes, lists, uses and removes them", function()
    local built = document "$K template build --memory 128 --name web --json"
    assert.is_true(built.made)
    local digest = built.template.digest
    assert.equal(digest .. " is there: ",
      (ok "$K template build --memory 128 --env A=1":gsub("[^ ]*\n$", "")))
    local list = document "$K template list --json".templates
    assert.equal(1, #list)
    assert.same({ digest, 128, 2, json.null },
      { list[1].digest, list[1].memory_mb, list[1].cpus, list[1].bad })
    assert.is_true(list[1].bytes > 0)
    assert.matches("^%d+%.%d+%.%d+$", list[1].qemu_version)

    -- What starts with these options is a copy of it. With others one is made of the first, which
    -- is itself no copy.
    ok "$K start --memory 128 --name copy && $K start --memory 160 --name first"
    local boxes = {}
    for _, box in ipairs(document "$K ps --json".sandboxes) do boxes[box.name] = box end
    assert.same({ digest, json.null }, { boxes.copy.template, boxes.first.template })
    assert.is_true(boxes.copy.pss_kb < boxes.first.pss_kb)
    assert.equal(2, #document "$K template list --json".templates)

    -- A copy outlives it.
    assert.equal(1, document("$K template clear --json " .. digest:sub(1, 8)).removed)
    assert.equal("on\n", ok "$K exec copy 'echo on'")
    assert.not_equal(digest, document "$K template list --json".templates[1].digest)
    assert.matches("^1 removed, %d+M\n$", ok "$K template clear")
  end)

  it("makes one again that turns out bad", function()
    local first = document "$K template build --memory 128 --json".template
    local folder = cache .. "/kavach/templates/" .. first.digest
    for name in lfs.dir(folder) do
      if name:find "^memory" then
        local file = assert(io.open(folder .. "/" .. name, "r+b"))
        assert(file:seek("set", 64 * 1024 * 1024))
        assert(file:write "damage")
        file:close()
      end
    end
    local again = document "$K template build --memory 128 --json"
    assert.same({ true, first.digest, json.null },
      { again.made, again.template.digest, again.template.bad })
    assert.is_false(document "$K template build --memory 128 --json".made)
  end)
end)
