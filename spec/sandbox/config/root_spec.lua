local config = require "kavach.sandbox.config"
local host = require "support.host"
local root = require "kavach.sandbox.config.root"

local function refused(options)
  local checked, why = config.check(options, 1)
  assert.is_nil(checked)
  assert.equal("invalid_argument", why.kind)
  return why.message
end

-- The header of a qcow2 image, from docs/interop/qcow2.txt of QEMU.
local function qcow2(changes)
  local h = { version = 3, backing = 0, crypt = 0, features = 0 }
  for key, value in pairs(changes or {}) do h[key] = value end
  return "QFI\xfb" .. string.pack(">I4I8I4I4I8I4I4I8I8I4I4I8I8", h.version, h.backing, 0, 16,
    1 << 20, h.crypt, 1, 0x30000, 0x10000, 1, 0, 0, h.features) .. ("\0"):rep(2000)
end

local EXT4 <const> = ("\0"):rep(1080) .. "\x53\xef" .. ("\0"):rep(1000)

describe("An image", function()
  it("is known by its own bytes", function()
    assert.equal("raw", root.format("hsqs" .. ("\0"):rep(2000)))
    assert.equal("raw", root.format(EXT4))
    assert.equal("qcow2", root.format(qcow2()))
    assert.equal("qcow2", root.format(qcow2 { version = 2 }))
  end)

  it("that could name another file of the host is refused, and so is what is not known", function()
    for what, head in pairs {
      ["backing file"] = qcow2 { backing = 0x200 },
      ["external data file"] = qcow2 { features = 4 },
      ["encrypted"] = qcow2 { crypt = 1 },
      ["version 4"] = qcow2 { version = 4 },
      ["cut short"] = qcow2():sub(1, 71),
      ["no image of a known kind"] = "#!/bin/sh\n",
    } do
      local format, why = root.format(head)
      assert.is_nil(format)
      assert.matches(what, why, 1, true)
    end
    assert.is_nil((root.format ""))
    -- An ext4 image whose first kibibyte, which is its maker's, looks like qcow2.
    assert.is_nil((root.format(qcow2 { backing = 8 }:sub(1, 1080) .. EXT4:sub(1081))))
  end)
end)

describe("The options of a root", function()
  local folder, remove
  setup(function() folder, remove = host.folder() end)
  teardown(function() remove() end)

  it("are a folder or an image, and not both", function()
    assert.equal(folder, config.check({ root = folder }).root)
    assert.matches("^/.*/spec$", config.check({ root = "spec" }).root)
    local image = host.write(folder .. "/image", EXT4)
    local c = config.check { image = image }
    assert.same({ image, "raw" }, { c.image, c.image_format })
    assert.matches("exclude each other", refused { root = folder, image = image }, 1, true)
  end)

  it("name what is not there or is something else", function()
    assert.matches("root needs a folder: " .. folder .. "/none: No such file",
      refused { root = folder .. "/none" }, 1, true)
    assert.matches(folder .. "/none: No such file", refused { image = folder .. "/none" }, 1, true)
    assert.matches("Is a directory", refused { image = folder }, 1, true)
    local text = host.write(folder .. "/text", "text")
    assert.matches("is no image of a known kind", refused { image = text }, 1, true)
    assert.matches("Not a directory", refused { root = text }, 1, true)
    local odd = host.write(folder .. "/\xff", EXT4)
    assert.matches("UTF-8", refused { image = odd }, 1, true)
  end)

  it("are refused with sev-snp, unless that is allowed", function()
    local image = host.write(folder .. "/image", EXT4)
    for _, name in ipairs { "root", "image" } do
      local options = { [name] = name == "root" and folder or image }
      local c = assert(config.check(options))
      assert.is_true(config.check_backend(c, "tcg"))
      assert.is_true(config.check_backend(c, "kvm"))
      local ok, why = config.check_backend(c, "sev-snp")
      assert.is_nil(ok)
      assert.same({ "invalid_argument", name }, { why.kind, why.option })
      options.allow_unmeasured = true
      assert.is_true(config.check_backend(config.check(options), "sev-snp"))
    end
  end)
end)
