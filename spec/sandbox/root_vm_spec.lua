local host = require "support.host"
local sandbox = require "kavach.sandbox"
local small_root = require "support.small_root"

describe("A guest's root #vm", function()
  local folder, remove, root
  setup(function()
    folder, remove = host.folder()
    root = small_root.make(folder)
  end)
  teardown(function() remove() end)

  describe("that is a folder of the host", function()
    local box, mounted
    setup(function()
      mounted = folder .. "/mounted"
      assert(os.execute("mkdir '" .. mounted .. "'"))
      host.write(mounted .. "/file", "mounted\n")
      box = assert(sandbox.new {
        backend = "tcg", root = root, disk_mb = 16,
        mounts = {
          { source = mounted, target = "/home/ro" }, { source = mounted, target = "/abs/ro" },
          { source = mounted, target = "/new/rw", readonly = false },
        },
      })
    end)
    teardown(function() if box then box:close() end end)

    it("is what commands see, and their users are its users", function()
      assert.equal("of the root\n", assert(box:exec "cat /etc/mark").stdout)
      local r = assert(box:exec("id; pwd", { user = "ann", cwd = "/home" }))
      assert.equal("uid=1000(ann) gid=1000 groups=50(staff),1000\n/home\n", r.stdout)
      -- The guest image's own has modules there.
      assert.matches("No such file", assert(box:exec "ls /lib").stderr, 1, true)
    end)

    it("can be written, and the host sees nothing of it", function()
      assert.equal(0, assert(box:exec "echo changed >/etc/mark; touch /new-file").exit_code)
      assert.equal("changed\n", assert(box:exec "cat /etc/mark").stdout)
      assert.equal("of the root\n", host.slurp(root .. "/etc/mark"))
      assert.is_nil(host.slurp(root .. "/new-file"))
    end)

    it("has the mounts in it, read-only unless asked otherwise", function()
      local r = assert(box:exec "cat /home/ro/file /etc/ro/file; touch /home/ro/x /etc/ro/x")
      assert.equal("mounted\nmounted\n", r.stdout)
      assert.matches("/home/ro/x: Read%-only.*/etc/ro/x: Read%-only", r.stderr)
      assert.equal(0, assert(box:exec "echo back >/new/rw/back").exit_code)
      assert.equal("back\n", host.slurp(mounted .. "/back"))
    end)

    it("is not left by a link, neither by put nor by get", function()
      local sent = host.write(folder .. "/sent", "sent\n")
      for link, place in pairs { up = "/etc", abs = "/etc", one = "/" } do
        local name = "/kavach-spec-" .. link
        assert(box:put(sent, "/" .. link .. name))
        assert.equal("sent\n", assert(box:exec("cat " .. place .. name)).stdout)
        assert(box:get("/" .. link .. name, folder .. "/got"))
        assert.equal("sent\n", host.slurp(folder .. "/got"))
        assert.is_nil(host.slurp(place .. name))
        assert.is_nil(host.slurp(root .. place .. name))
      end
      -- The initramfs, which the agent came from, has one.
      local ok, why = box:get("/up/../init", folder .. "/init")
      assert.is_nil(ok)
      assert.matches("not found", why.message, 1, true)
    end)

    it("holds as much as the disk does, and so does /tmp", function()
      for _, path in ipairs { "/tmp/full", "/home/full" } do
        local r = assert(box:exec(("dd if=/dev/zero of=%s bs=1M count=64; ls -l %s; echo -n >%s")
          :format(path, path, path)))
        assert.matches("No space left on device", r.stderr, 1, true)
        local size = tonumber(r.stdout:match "root%s+(%d+)")
        assert.is_true(size > 12 << 20 and size < 16 << 20, r.stdout)
      end
    end)
  end)

  it("that is the host's own runs its perl", function()
    local box <close> = assert(sandbox.new { backend = "tcg", root = "/" })
    assert.equal("42", assert(box:exec { "/usr/bin/perl", "-e", "print 6*7" }).stdout)
    local name = folder:match "[^/]+$"
    assert.equal("", assert(box:exec("ls /tmp | grep -F " .. name)).stdout)
  end)

  local function runs_from(image)
    local box <close> = assert(sandbox.new {
      backend = "tcg", image = image, read_only_rootfs = true,
    })
    local r = assert(box:exec("cat /etc/mark; id -u; touch /x; touch /tmp/x", { user = "ann" }))
    assert.equal("of the root\n1000\n", r.stdout)
    assert.matches("^touch: /x: Read%-only file system\n$", r.stderr)
    for _, word in ipairs(box:argv()) do
      assert.is_nil(word:find("format=", 1, true))
    end
  end

  it("that is a squashfs image runs programs from it", function()
    local image = small_root.squashfs(root, folder .. "/i.squashfs")
    if not image then return pending "needs mksquashfs (squashfs-tools)" end
    runs_from(image)
  end)

  it("that is an ext4 image runs programs from it", function()
    local image = small_root.ext4(root, folder .. "/i.ext4")
    if not image then return pending "needs mke2fs (e2fsprogs)" end
    runs_from(image)
  end)

  it("that is a qcow2 image runs programs from it", function()
    local image = small_root.ext4(root, folder .. "/q.ext4")
    if not image then return pending "needs mke2fs (e2fsprogs)" end
    runs_from(small_root.qcow2(image, folder .. "/i.qcow2"))
  end)

  it("that has no file system is an error that says so, and nothing runs", function()
    -- Which the host cannot see: it looks at the image's first bytes, and this is a qcow2 one.
    local raw = host.write(folder .. "/zeros", ("\0"):rep(65536))
    local image = small_root.qcow2(raw, folder .. "/zeros.qcow2")
    local box <close> = assert(sandbox.launch { backend = "tcg", image = image })
    local r, why = box:exec "echo never"
    assert.is_nil(r)
    assert.equal("creation_failed", why.kind)
    assert.matches("mounting the root in the guest: invalid argument "
      .. "(the image has neither squashfs nor ext4 on it)", why.message, 1, true)
  end)
end)
