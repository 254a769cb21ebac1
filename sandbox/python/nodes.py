# Instances of classes that trusted text defines on both sides (ListNode, TreeNode, what a prelude has) travel as a graph
# of their attributes, and arrive as instances of the receiver's own class of that name. Follows values.py.

STANDARD_NODES = """
class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next


class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val = val
        self.left = left
        self.right = right
"""

# What tests in the LeetCode style build and compare them with: the driver has these too.
STANDARD_NODE_HELPERS = """
def list_node(values):
    first = None
    for value in reversed(values or []):
        first = ListNode(value, first)
    return first


def is_same_list(a, b):
    while a is not None and b is not None:
        if a.val != b.val:
            return False
        a, b = a.next, b.next
    return a is None and b is None


def tree_node(values):
    if not values or values[0] is None:
        return None
    rest = iter(values)
    root = TreeNode(next(rest))
    row = [root]
    while row:
        below = []
        for node in row:
            for side in ("left", "right"):
                value = next(rest, None)
                if value is not None:
                    child = TreeNode(value)
                    setattr(node, side, child)
                    below.append(child)
        row = below
    return root


def is_same_tree(a, b):
    pairs = [(a, b)]
    while pairs:
        a, b = pairs.pop()
        if a is None and b is None:
            continue
        if a is None or b is None or a.val != b.val:
            return False
        pairs += [(a.left, b.left), (a.right, b.right)]
    return True
"""


def attributes_of(node):
    if hasattr(node, "__dict__"):
        return {k: v for k, v in vars(node).items() if type(k) is str}
    names = getattr(type(node), "__slots__", ())
    return {n: getattr(node, n) for n in ((names,) if type(names) is str else names) if hasattr(node, n)}


def pack_graph(root, shared, packer, depth):
    """shared: names of the classes. Lists as long as memory allows: nothing here recurses along links."""
    numbers, order = {id(root): 0}, [root]

    def link(value):
        if type(value).__name__ in shared and not isinstance(value, type):
            number = numbers.get(id(value))
            if number is None:
                number = numbers[id(value)] = len(order)
                order.append(value)
            return {"@": number}
        if type(value) is list and any(type(v).__name__ in shared for v in value):
            return {"l": [link(v) for v in value]}
        return packer.pack(value, depth + 1)

    packed = []
    for node in order:  # grows as links are found
        packed.append([type(node).__name__, {k: link(v) for k, v in attributes_of(node).items()}])
    return {"g": packed}


def unpack_graph(packed, classes, packer, depth):
    """classes: the receiver's, by name. Raises KeyError, ValueError, TypeError on anything malformed."""
    nodes = []
    for name, _ in packed:
        kind = classes[text(name)]
        if not isinstance(kind, type):
            raise ValueError("not a class")
        nodes.append(kind.__new__(kind))

    def follow(value):
        if type(value) is dict and len(value) == 1:
            if "@" in value:
                return nodes[value["@"]]
            if "l" in value:
                return [follow(v) for v in value["l"]]
        return packer.unpack(value, depth + 1)

    for node, (_, attributes) in zip(nodes, packed):
        for name, value in attributes.items():
            # What a class does is its own affair: no attribute takes the place of a method.
            if name.startswith("__") or callable(getattr(type(node), name, None)):
                raise ValueError("attribute " + name)
            object.__setattr__(node, name, follow(value))
    return nodes[0]
