"""`torch.nn.Module`: attributes that are parameters, buffers and modules, and what is done with all of them at once.

A module keeps its parameters, buffers and children in three dictionaries. `__setattr__` puts a value into the one that its
class says, and refuses what does not fit, with PyTorch's texts. What a call with hooks does (hooks.py), how states are saved
and loaded (state.py) and how parameters are moved (moving.py) is imported when it is first used.

The class stands whole in one file: Python's complaint about a wrong call says the class that a method was written in, and
PyTorch's users read `Module.register_forward_hook() missing …`.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from tensorcli.engine.autograd.hooks import RemovableHandle
from tensorcli.engine.nn import global_hooks
from tensorcli.engine.nn.parameter import Buffer, Parameter
from tensorcli.engine.pickles import Pickled
from tensorcli.engine.tensor import Tensor

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)
"""Functions by their handle's number, and marks of some of them."""
_NEVER = (
    "Reached a code path in Module.{}_extra_state() that should never be called. Please file an issue at "
    "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this bug."
)


def typename(value: Any) -> str:
    """What PyTorch's complaints call a value's type."""
    from tensorcli.engine.queries import typename

    return typename(value)


class Module(Pickled):
    """The base of all modules: `forward` says what calling one does."""

    __module__ = "torch.nn.modules.module"
    _version = 1
    """The number of the layout of its saved state."""
    dump_patches = False
    call_super_init = False
    """Whether `__init__` passes its arguments on to the next class, where a module is one of several bases."""
    training: bool
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _is_full_backward_hook: bool | None
    _forward_hooks: dict[int, Any]
    _forward_pre_hooks: dict[int, Any]
    _backward_hooks: dict[int, Any]
    _backward_pre_hooks: dict[int, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        if kwargs and not self.call_super_init:
            raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
        if args and not self.call_super_init:
            raise TypeError(f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        own = self.__dict__
        own.update(training=True, _parameters={}, _buffers={}, _non_persistent_buffers_set=set())
        own.update(
            _backward_pre_hooks=OrderedDict(), _backward_hooks=OrderedDict(), _is_full_backward_hook=None
        )
        own.update((each, OrderedDict()) for each in _HOOKS)
        own["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a copied or unpickled dictionary; tables that came with later versions may be missing in it."""
        own = self.__dict__
        own.update(state)
        own.setdefault("_non_persistent_buffers_set", set())
        own.setdefault("_is_full_backward_hook", None)
        for name in ("_backward_pre_hooks", *_HOOKS[1:]):
            own.setdefault(name, OrderedDict())

    # ---- calling

    def forward(self, *input: Any) -> Any:
        """What the module computes. Errors: NotImplementedError unless a subclass says."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    forward.__qualname__ = "_forward_unimplemented"  # what PyTorch's complaints about its arguments call it

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if (
            self._backward_hooks
            or self._backward_pre_hooks
            or self._forward_hooks
            or self._forward_pre_hooks
            or global_hooks.CALLS
        ):
            from tensorcli.engine.nn.hooks import call

            return call(self, args, kwargs)
        return self.forward(*args, **kwargs)

    # ---- attributes

    def __getattr__(self, name: str) -> Any:
        for table in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(table)
            if found is not None and name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        params, modules, buffers = own.get("_parameters"), own.get("_modules"), own.get("_buffers")
        if isinstance(value, Parameter):
            if params is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif params is not None and name in params:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "_modules")
            modules[name] = global_hooks.registered(global_hooks.MODULES, self, name, value)
        elif modules is not None and name in modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            modules[name] = global_hooks.registered(global_hooks.MODULES, self, name, value)
        elif isinstance(value, Buffer) or (buffers is not None and name in buffers):
            _assign_buffer(self, name, value)
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name: str, kept: str) -> None:
        """A name gets a new kind of value: it is no longer what it was."""
        for table in (self.__dict__, self._parameters, self._buffers, self._modules):
            if table is not self.__dict__.get(kept):
                table.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                if table is self._buffers:
                    self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
        return sorted({name for name in names if not name[0].isdigit()})

    def _check_name(self, kind: str, name: Any, table: dict[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        dotted = KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
        if kind != "module" and "." in name:
            raise dotted
        if kind != "module" and not name:
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in table:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise dotted
        if not name:
            raise KeyError(f'{kind} name can\'t be empty string ""')

    def register_parameter(self, name: str, param: Any) -> None:
        """Make a parameter of this name, or say with None that there is none."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To "
                f"express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        if param is not None:
            param = global_hooks.registered(global_hooks.PARAMETERS, self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Make a buffer of this name: part of the state (if `persistent`), not trained."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = global_hooks.registered(global_hooks.BUFFERS, self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Any) -> None:
        """Make a child of this name."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", name, self._modules)
        self._modules[name] = global_hooks.registered(global_hooks.MODULES, self, name, module)

    def register_module(self, name: str, module: Any) -> None:
        """Another name of add_module."""
        self.add_module(name, module)

    # ---- by dotted names

    def _found(self, name: str) -> Any:
        if not hasattr(self, name):
            raise AttributeError(f"{self._get_name()} has no attribute `{name}`")
        return getattr(self, name)

    def get_submodule(self, target: str) -> "Module":
        """The module under a dotted name. Errors: AttributeError."""
        found = self
        for name in target.split(".") if target != "" else ():
            found = found._found(name)
            if not isinstance(found, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return found

    def set_submodule(self, target: str, module: "Module", strict: bool = False) -> None:
        """Put a module under a dotted name. Errors: ValueError, AttributeError."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if (strict or hasattr(parent, name)) and not isinstance(parent._found(name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter under a dotted name. Errors: AttributeError."""
        path, _, name = target.rpartition(".")
        found = self.get_submodule(path)._found(name)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer under a dotted name. Errors: AttributeError."""
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        found: Tensor = owner._found(name)
        if name not in owner._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return found

    # ---- all of them

    def named_modules(
        self, memo: set["Module"] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, "Module"]]:
        """This module and all below it, with their dotted names."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                below = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, below, remove_duplicate)

    def _named(
        self, table: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[Any] = set()
        modules: Any = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, value in getattr(module, table).items():
                if value is not None and value not in seen:
                    if remove_duplicate:
                        seen.add(value)
                    yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters, each once, with their dotted names."""
        yield from self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers, each once, with their dotted names."""
        yield from self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules directly below, each once, with their names."""
        seen: set[Any] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator["Module"]:
        """The modules directly below, each once."""
        for _, module in self.named_children():
            yield module

    def modules(self, remove_duplicate: bool = True) -> Iterator["Module"]:
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    # ---- done to all of them

    def apply(self, fn: Callable[["Module"], Any]) -> "Module":
        """Call a function with every module, children first."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> "Module":
        """Say that this is training, or not: dropout and batch normalisation behave differently."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> "Module":
        """Say that this is not training."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> "Module":
        """Let all parameters require grad, or none."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the parameters' gradients: set to None, or zeroed in place."""
        for parameter in self.parameters():
            grad = parameter.grad
            if grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> "Module":
        """Put the parameters, their gradients and the buffers through a function."""
        from tensorcli.engine.nn.moving import moved, moved_buffer

        for module in self.children() if recurse else ():
            module._apply(fn)
        for name, parameter in self._parameters.items():
            if parameter is not None:
                self._parameters[name] = moved(parameter, fn)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = moved_buffer(buffer, fn)
        return self

    def to(self, *args: Any, **kwargs: Any) -> "Module":
        """Move to a device, or to a floating or complex dtype."""
        from tensorcli.engine.nn.moving import conversion

        return self._apply(conversion(args, kwargs))

    def to_empty(self, *, device: Any, recurse: bool = True) -> "Module":
        """Move to a device without the values."""
        from tensorcli.engine.callers import functions

        return self._apply(lambda t: functions.empty_like(t, device=device), recurse=recurse)

    def cuda(self, device: Any = None) -> "Module":
        """Move to a GPU."""
        return self._apply(lambda t: t.cuda(device))

    def cpu(self) -> "Module":
        """Move to the CPU."""
        return self._apply(lambda t: t.cpu())

    def share_memory(self) -> "Module":
        """Let other processes see the memory of all parameters and buffers."""
        return self._apply(lambda t: t.share_memory_())

    def type(self, dst_type: Any) -> "Module":
        """Convert all parameters and buffers."""
        return self._apply(lambda t: t.type(dst_type))

    def _floating(self, name: str) -> "Module":
        return self._apply(lambda t: getattr(t, name)() if t.is_floating_point() else t)

    def float(self) -> "Module":
        """Convert to float32 what is floating point."""
        return self._floating("float")

    def double(self) -> "Module":
        """Convert to float64 what is floating point."""
        return self._floating("double")

    def half(self) -> "Module":
        """Convert to float16 what is floating point."""
        return self._floating("half")

    def bfloat16(self) -> "Module":
        """Convert to bfloat16 what is floating point."""
        return self._floating("bfloat16")

    # ---- hooks

    def _add_hook(
        self, table: str, hook: Callable[..., Any], prepend: bool = False, *marks: str
    ) -> RemovableHandle:
        hooks = self.__dict__[table]
        marked = [self.__dict__[mark] for mark in marks]
        handle = RemovableHandle(hooks, marked)
        hooks[handle.id] = hook
        for each in marked:
            each[handle.id] = True
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; what it returns replaces the arguments."""
        marks = ("_forward_pre_hooks_with_kwargs",) if with_kwargs else ()
        return self._add_hook("_forward_pre_hooks", hook, prepend, *marks)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; what it returns replaces the output."""
        marks = [("_forward_hooks_with_kwargs", with_kwargs), ("_forward_hooks_always_called", always_call)]
        return self._add_hook("_forward_hooks", hook, prepend, *(name for name, marked in marks if marked))

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` when the outputs' gradients are there."""
        return self._add_hook("_backward_pre_hooks", hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the inputs' gradients are there."""
        self._choose_backward_hooks(True)
        return self._add_hook("_backward_hooks", hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The old kind of backward hook: it sits on the node of the output."""
        self._choose_backward_hooks(False)
        return self._add_hook("_backward_hooks", hook)

    def _choose_backward_hooks(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of "
                "them."
            )
        self._is_full_backward_hook = full

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before a state is taken."""
        return self._add_hook("_state_dict_pre_hooks", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after a state was taken."""
        hook._from_public_api = True  # type: ignore[attr-defined] # PyTorch's mark: it must return None
        return self._add_hook("_state_dict_hooks", hook)

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`register_state_dict_post_hook` for a hook that may return another state to be taken."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        return self._add_hook("_state_dict_hooks", hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, …)` before a state is loaded."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        """`register_load_state_dict_pre_hook` for a hook that is not given the module unless asked."""
        from tensorcli.engine.nn.state import WithoutModule

        return self._add_hook("_load_state_dict_pre_hooks", hook if with_module else WithoutModule(hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after a state was loaded."""
        return self._add_hook("_load_state_dict_post_hooks", hook)

    # ---- states

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """The parameters and persistent buffers by their dotted names, detached but sharing memory."""
        from tensorcli.engine.nn.state import taken

        return taken(self, args, destination, prefix, keep_vars)

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Copy a state into the parameters and buffers. Errors: RuntimeError for what is missing, unexpected, or of
        another size."""
        from tensorcli.engine.nn.state import loaded

        return loaded(self, state_dict, strict, assign)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put into a state what this module has of its own; a subclass may add to it."""
        from tensorcli.engine.nn.state import save_own

        save_own(self, destination, prefix, keep_vars)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load what this module has of its own; a subclass may first change a state of an older layout."""
        from tensorcli.engine.nn.state import load_own

        load_own(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)

    def get_extra_state(self) -> Any:
        """What a subclass saves beside parameters and buffers. Errors: RuntimeError unless it says."""
        raise RuntimeError(_NEVER.format("get"))

    def set_extra_state(self, state: Any) -> None:
        """Take over what `get_extra_state` gave. Errors: RuntimeError unless a subclass says."""
        raise RuntimeError(_NEVER.format("set"))

    # ---- text

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What the repr says about this module beside its children."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        children = [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        if len(extra_lines) == 1 and not children:
            return f"{self._get_name()}({extra})"
        lines = "".join(f"\n  {line}" for line in (*extra_lines, *children))
        return f"{self._get_name()}({lines}\n)" if lines else f"{self._get_name()}()"


def indented(text: str) -> str:
    """All lines but the first, two columns to the right."""
    return text.replace("\n", "\n  ")


def _knows_persistent(module: Module) -> bool:
    """Whether its register_buffer, which may be a script's, takes more than the two arguments of old."""
    if type(module).register_buffer is Module.register_buffer:
        return True
    import inspect

    return "persistent" in inspect.signature(module.register_buffer).parameters


def _assign_buffer(module: Module, name: str, value: Any) -> None:
    """Make a value the buffer of this name, persistent or not as it says or as the last one was. Errors: TypeError,
    RuntimeError.
    """
    if value is not None and not isinstance(value, Tensor):
        raise TypeError(
            f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)"
        )
    persistent = (
        value.persistent if isinstance(value, Buffer) else name not in module._non_persistent_buffers_set
    )
    if _knows_persistent(module):
        module.register_buffer(name, value, persistent)
    elif persistent:
        module.register_buffer(name, value)
    else:
        raise RuntimeError(
            "Registering a non-persistent buffer on a Module subclass that implements register_buffer() without the "
            "persistent argument is not allowed."
        )
