package roster

import (
	"os"
	"reflect"
	"testing"
)

func TestMergeConvergesInAnyOrder(t *testing.T) {
	base := Roster{Ring: "r"}
	base.Put(Node{Name: "n1", ID: "a", Role: Admin})
	base.Put(Node{Name: "n2", ID: "b", Role: Admin})
	left, right := base.Clone(), base.Clone()
	left.Remove("n2")
	right.Put(Node{Name: "n3", ID: "c", Role: Member})
	right.Put(Node{Name: "n2", ID: "b2", Role: Admin}) // reinstalled, registered again later than the removal

	ab, ba := left.Clone(), right.Clone()
	ab.Merge(right)
	ba.Merge(left)
	if !reflect.DeepEqual(ab, ba) {
		t.Fatalf("copies differ:\n%v\n%v", ab, ba)
	}
	if node, ok := ab.Find("n2"); !ok || node.ID != "b2" {
		t.Errorf("the later registration lost: %v %v", node, ok)
	}
	if ab.Merge(right) {
		t.Error("merging the same copy again reports a change")
	}
}

func TestRemovalSurvivesAnOldCopy(t *testing.T) {
	ours := Roster{Ring: "r"}
	ours.Put(Node{Name: "n1", ID: "a", Role: Admin})
	old := ours.Clone()
	if !ours.Remove("n1") || ours.Remove("n1") {
		t.Fatal("a removal must work once")
	}
	if ours.Merge(old) {
		t.Error("an old copy changed something")
	}
	if len(ours.Live()) != 0 {
		t.Error("an old copy brought the node back")
	}
}

func TestStateIsKeptAndDamageIsNoticed(t *testing.T) {
	store, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := store.Load(); ok || err != nil {
		t.Fatalf("new folder: %v %v", ok, err)
	}
	state := State{ID: "a", Roster: Roster{Ring: "r", Nodes: map[string]Node{"n1": {Name: "n1", Role: Admin}}}}
	if err := store.Save(state); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := store.Load(); !ok || err != nil || !reflect.DeepEqual(got, state) {
		t.Fatalf("read back %v %v %v", got, ok, err)
	}
	if err := os.Truncate(store.path, 10); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Load(); err == nil {
		t.Error("a damaged file was taken for a state")
	}
}
